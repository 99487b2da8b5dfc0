"""How the platform's tests are shared out among workers: what is dear to make is made by one of them, once."""

from __future__ import annotations

from xdist.scheduler import LoadFileScheduling


class ByResource(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
    """Tests that share something are one unit of work, in the order in which they were collected.

    The image is shared by all files that are named after it, a cluster by the tests of a file, Prometheus 3 by all of
    its tests. A mark would say so better, but pytest-xdist 3.8 does not get its groups into the node ids of pytest 9.2.
    """

    def _split_scope(self, nodeid: str) -> str:
        if "[prometheus-3" in nodeid:
            return "prometheus-3"
        if nodeid.startswith("tests/platform/test_image"):
            return "image"
        return super()._split_scope(nodeid) if nodeid.startswith("tests/platform/") else nodeid
