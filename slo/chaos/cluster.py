"""Kubernetes as a guarded run needs it: an engine, its result, its pods, and leases. The client is imported when a
cluster is opened; its errors become one line each."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from slo.chaos.engine import GROUP, PLURAL, VERSION
from slo.errors import ClusterConflictError, ClusterError, ClusterRefusalError, UsageError

Document = dict[str, Any]
_ENGINES = (GROUP, VERSION, PLURAL)
_RESULTS = (GROUP, VERSION, "chaosresults")
_LEASES = ("coordination.k8s.io", "v1", "leases")
_MERGE = "application/merge-patch+json"
_MOST_SAID = 300
_OWN_TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
_MISSHAPEN = (ValueError, TypeError, AttributeError, LookupError)
"""What the client raises over a kubeconfig that is YAML, and none."""


class Cluster:
    """The cluster of a kubeconfig (the one of KUBECONFIG or ~/.kube/config if none is named), else the one that this
    runs in. Raises UsageError where there is none, ClusterError from every method."""

    def __init__(
        self, *, kubeconfig: Path | None = None, context: str | None = None, timeout_seconds: float = 5.0
    ) -> None:
        if find_spec("kubernetes") is None:
            raise UsageError("the kubernetes client is not installed; install slo[chaos]")
        self._file, self._context = kubeconfig, context
        self._timeout = timeout_seconds
        try:
            self._open()
        except ClusterError as error:
            raise UsageError(f"no cluster to go to: {error}; give --kubeconfig FILE") from None

    def _open(self) -> None:
        """By the credentials as they are now. Raises ClusterError where they cannot be read."""
        import yaml
        from kubernetes import client, config

        settings, loaders = client.Configuration(), cast(Any, config)
        try:
            if self._file is None and self._context is None and _is_inside():
                loaders.load_incluster_config(client_configuration=settings)
            else:
                file = str(self._file) if self._file else None
                loaders.load_kube_config(config_file=file, context=self._context, client_configuration=settings)
        except (config.ConfigException, yaml.YAMLError, OSError, *_MISSHAPEN) as error:
            raise ClusterError(_one_line(str(error))) from None
        settings.retries = False  # whoever asks again decides that, by the time
        self.name = str(settings.host)
        api = client.ApiClient(settings)
        self._objects, self._core = client.CustomObjectsApi(api), client.CoreV1Api(api)

    def engine(self, namespace: str, name: str) -> Document | None:
        """The ChaosEngine, None if it is not there."""
        return self._found(
            lambda: self._objects.get_namespaced_custom_object(*_at(_ENGINES, namespace), name, **self._by)
        )

    def create_engine(self, document: Document) -> Document:
        namespace = document["metadata"]["namespace"]
        return self._written(
            lambda: self._objects.create_namespaced_custom_object(*_at(_ENGINES, namespace), document, **self._by)
        )

    def patch_engine(self, namespace: str, name: str, patch: Document) -> Document:
        """A merge patch; with metadata.resourceVersion in it, refused where the engine has changed since."""
        return self._written(
            lambda: self._objects.patch_namespaced_custom_object(
                *_at(_ENGINES, namespace), name, patch, _content_type=_MERGE, **self._by
            )
        )

    def result(self, namespace: str, name: str) -> Document | None:
        """A ChaosResult, None if it is not there."""
        return self._found(
            lambda: self._objects.get_namespaced_custom_object(*_at(_RESULTS, namespace), name, **self._by)
        )

    def count_pods(self, namespace: str, uid: str) -> int:
        """The pods of an engine's chaos that have not ended."""
        pods = self._asked(
            lambda: self._core.list_namespaced_pod(namespace, label_selector=f"chaosUID={uid}", **self._by)
        )
        return sum(pod.status.phase not in ("Succeeded", "Failed") for pod in pods.items)

    def lease(self, namespace: str, name: str) -> Document | None:
        """A Lease, None if it is not there."""
        return self._found(
            lambda: self._objects.get_namespaced_custom_object(*_at(_LEASES, namespace), name, **self._by)
        )

    def write_lease(self, document: Document) -> Document:
        """Made anew, or put in the place of the one that was read; a ClusterConflictError where that has changed."""
        metadata = document["metadata"]
        place = _at(_LEASES, metadata["namespace"])
        if "resourceVersion" not in metadata:
            return self._written(lambda: self._objects.create_namespaced_custom_object(*place, document, **self._by))
        return self._written(
            lambda: self._objects.replace_namespaced_custom_object(*place, metadata["name"], document, **self._by)
        )

    @property
    def _by(self) -> Mapping[str, Any]:
        return {"_request_timeout": self._timeout}

    def _found(self, ask: Callable[[], Any]) -> Document | None:
        try:
            return self._written(ask)
        except _MissingError:
            return None

    def _written(self, ask: Callable[[], Any]) -> Document:
        answer = self._asked(ask)
        if not isinstance(answer, dict) or not isinstance(answer.get("metadata"), dict):
            raise ClusterError(f"{self.name} answered something that is no object")
        return answer

    def _asked(self, ask: Callable[[], Any]) -> Any:
        """Where nobody is let in by what was read, the credentials have run out: they are read once more. A token of a
        service account lasts an hour, which a run may outlast; the client renews it only where it runs in a pod."""
        try:
            return self._answered(ask)
        except _UnknownCallerError:
            self._open()
            return self._answered(ask)

    def _answered(self, ask: Callable[[], Any]) -> Any:
        from kubernetes.client.exceptions import ApiException, OpenApiException
        from kubernetes.config import ConfigException
        from urllib3.exceptions import HTTPError

        try:
            return ask()
        except ApiException as error:
            raise _refusal(error.status or 0, error.body, self.name) from None
        except (HTTPError, OSError) as error:
            raise ClusterError(f"{self.name} cannot be reached: {type(error).__name__}") from None
        except ConfigException as error:
            raise ClusterError(f"the credentials for {self.name} cannot be read: {_one_line(str(error))}") from None
        except (OpenApiException, ValueError) as error:
            raise ClusterError(f"{self.name} answered something unexpected: {_one_line(str(error))}") from None


class _MissingError(ClusterRefusalError):
    """There is no such object."""


class _UnknownCallerError(ClusterRefusalError):
    """Whoever asks is not let in."""


def _refusal(status: int, body: Any, name: str) -> ClusterError:
    try:
        said = str(json.loads(body)["message"])
    except (TypeError, ValueError, KeyError):
        said = str(body or "no reason given")
    line = f"{name} refuses (HTTP {status}): {_one_line(said)}"
    if status == 401:
        return _UnknownCallerError(line)
    if status == 404:
        return _MissingError(line)
    if status == 409:
        return ClusterConflictError(line)
    return ClusterRefusalError(line) if 400 <= status < 500 and status != 429 else ClusterError(line)


def _at(kind: tuple[str, str, str], namespace: str) -> tuple[str, str, str, str]:
    group, version, plural = kind
    return group, version, namespace, plural


def _is_inside() -> bool:
    return _OWN_TOKEN.is_file()


def _one_line(text: str) -> str:
    short = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return short if len(short) <= _MOST_SAID else f"{short[: _MOST_SAID - 3]}..."
