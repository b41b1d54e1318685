"""Loopback addresses for the Pods of one Node: a block 127.A.B.0/24 of its own."""

import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from tests.cluster.kubelet.client import Key, Object, key

_PORT = 10250
"""A kubelet's port; that it is bound tells the other kubelets of this machine who has the block."""
_FIRST, _LAST = 2, 254


class Addresses:
    """Hands out addresses, the one that was free for longest first.

    A Pod with a fixed hostname, as of a StatefulSet, finds its own again.
    """

    def __init__(self, node: str) -> None:
        self._free = [f"{node.rpartition('.')[0]}.{last}" for last in range(_FIRST, _LAST + 1)]
        self._kept: dict[Key, str] = {}

    @contextmanager
    def of(self, pod: Object) -> Iterator[str]:
        """Give the Pod an address for the time of the ``with``."""
        if "hostname" in pod["spec"]:
            yield self._kept.setdefault(key(pod), self._kept.get(key(pod)) or self._free.pop(0))
            return
        address = self._free.pop(0)
        try:
            yield address
        finally:
            self._free.append(address)


def take_block() -> socket.socket:
    """Take a block from the other kubelets of this machine, for as long as the socket is open.

    Its own address is the Node's.
    """
    while True:
        taken = socket.socket()
        try:
            taken.bind((f"127.{16 + secrets.randbelow(238)}.{secrets.randbelow(256)}.1", _PORT))
            taken.listen()
        except OSError:
            taken.close()
        else:
            return taken
