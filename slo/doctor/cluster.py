"""The cluster as the doctor sees it: lists of objects, and what the API server would say to a pod."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, cast

from slo.chaos.cluster import Cluster, Document
from slo.errors import ClusterRefusalError

_MOST = 500
_DENIED = re.compile(r"denied (the )?request|violates PodSecurity|disallowed by cluster policy")
"""How webhooks, the API server's policies, its pod security standards and its flag --allow-privileged refuse. A missing
right is told in other words."""


class Patient(Cluster):
    """A cluster that is only looked at. Raises ClusterError from every method."""

    def objects(self, group: str, versions: Sequence[str], plural: str, namespace: str = "") -> list[Document]:
        """All objects of a kind, in the first version that is served; none where the kind is not known."""
        for version in versions:
            answer = self._found(partial(self._listed, group, version, plural, namespace))
            if answer is not None:
                return [one for one in answer.get("items", ()) if isinstance(one, dict)]
        return []

    def _listed(self, group: str, version: str, plural: str, namespace: str) -> Any:
        if namespace:
            place = (group, version, namespace, plural)
            return self._objects.list_namespaced_custom_object(*place, limit=_MOST, **self._by)
        return self._objects.list_cluster_custom_object(group, version, plural, limit=_MOST, **self._by)

    def webhooks(self) -> list[Document]:
        """The ValidatingWebhookConfigurations."""
        return self.objects("admissionregistration.k8s.io", ["v1"], "validatingwebhookconfigurations")

    def labels_of(self, namespace: str) -> Mapping[str, str]:
        """A namespace's labels."""
        answer = self._asked(lambda: self._core.read_namespace(namespace, **self._by))
        return dict(answer.metadata.labels or {})

    def refusal_of(self, namespace: str, pod: Mapping[str, Any]) -> str:
        """What admission says against a pod, "" if it would be let in. Nothing is created: a dry run on the server."""
        try:
            self._asked(lambda: self._core.create_namespaced_pod(namespace, cast(Any, pod), dry_run="All", **self._by))
        except ClusterRefusalError as error:
            if _DENIED.search(str(error)):
                return str(error)
            raise
        return ""
