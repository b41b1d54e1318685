"""A Pod's status, from its containers (pure but for the time of a transition)."""

from collections.abc import Sequence

from tests.cluster.kubelet.client import Object
from tests.cluster.kubelet.container import Container, now


class Status:
    """What the kubelet writes of one Pod; remembers when a condition changed."""

    def __init__(self, *, address: str, node: str, restart: str) -> None:
        self._address, self._node, self._restart = address, node, restart
        self._began = now()
        self._conditions: dict[str, Object] = {}

    def body(
        self,
        pod: Object,
        initial: Sequence[Container],
        containers: Sequence[Container],
        *,
        prepared: bool,
        waits_for: str,
    ) -> Object:
        """Return the status to write."""
        initialised = prepared and all(_succeeded(each) for each in initial)
        ready = initialised and all(each.ready for each in containers)
        self._note("PodScheduled", holds=True)
        self._note("PodReadyToStartContainers", holds=prepared, why=waits_for)
        self._note("Initialized", holds=initialised)
        self._note("ContainersReady", holds=ready)
        self._note("Ready", holds=ready)
        return {
            "observedGeneration": pod["metadata"].get("generation", 0),
            "phase": self._phase(containers),
            "message": waits_for or None,
            "conditions": list(self._conditions.values()),
            "startTime": self._began,
            "hostIP": self._node,
            "hostIPs": [{"ip": self._node}],
            "podIP": self._address,
            "podIPs": [{"ip": self._address}],
            "initContainerStatuses": [each.status() for each in initial],
            "containerStatuses": [each.status() for each in containers],
        }

    def _phase(self, containers: Sequence[Container]) -> str:
        states = [each.state for each in containers]
        if self._restart != "Always" and all("terminated" in state for state in states):
            codes = [state["terminated"]["exitCode"] for state in states]
            if not any(codes):
                return "Succeeded"
            if self._restart == "Never":
                return "Failed"
        began = all("running" in each.state or each.restarts or each.last for each in containers)
        ended = any("terminated" in state for state in states)
        return "Running" if began or ended else "Pending"

    def _note(self, kind: str, *, holds: bool, why: str = "") -> None:
        value = "True" if holds else "False"
        if self._conditions.get(kind, {}).get("status") != value:
            self._conditions[kind] = {"type": kind, "status": value, "lastTransitionTime": now()}
        self._conditions[kind]["message"] = why


def _succeeded(container: Container) -> bool:
    return bool(container.state.get("terminated", {}).get("exitCode") == 0)
