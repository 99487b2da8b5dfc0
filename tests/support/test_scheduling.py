"""What one worker runs as a whole, so that the image and each cluster are made once."""

from __future__ import annotations

from pathlib import Path

import pytest
from xdist.scheduler import LoadFileScheduling

from tests.support.scheduling import ByResource

PLATFORM = Path(__file__).parents[1] / "platform"


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ("tests/platform/test_image.py::a", "tests/platform/test_image_commands.py::b[x]", True),
        ("tests/platform/test_cluster.py::a", "tests/platform/test_cluster.py::b[prometheus]", True),
        ("tests/platform/test_cluster.py::a", "tests/platform/test_admission.py::a", False),
        ("tests/source/test_servers.py::a[prometheus-3]", "tests/source/test_contract.py::b[prometheus-3-x]", True),
        ("tests/ledger/test_kill.py::a[sqlite-30]", "tests/ledger/test_kill.py::a[postgresql-10]", False),
    ],
)
def test_tests_that_share_something_are_one_unit(one: str, other: str, together: bool) -> None:
    scheduling = ByResource.__new__(ByResource)
    assert isinstance(scheduling, LoadFileScheduling)
    assert (scheduling._split_scope(one) == scheduling._split_scope(other)) is together


def test_every_file_that_uses_the_image_is_named_after_it() -> None:
    using = [path.name for path in PLATFORM.glob("test_*.py") if "store: Store" in path.read_text(encoding="utf-8")]
    assert len(using) == 3
    assert all(name.startswith("test_image") for name in using)
