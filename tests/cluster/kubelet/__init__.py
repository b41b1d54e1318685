"""Scheduler, kubelet, volume binder and EndpointSlice controller of one Node, played by the tests.

Containers are local processes of this machine's user. Each Pod has a loopback address of its own;
since the API server takes no loopback address in an EndpointSlice of IPv4, ours say type ``FQDN``.
"""

from tests.cluster.kubelet.kubelet import Kubelet

__all__ = ["Kubelet"]
