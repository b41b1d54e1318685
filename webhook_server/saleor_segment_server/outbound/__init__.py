"""Calls to addresses that users name: guarded where they connect."""

from saleor_segment_server.outbound.guard import AddressRefused, Guard, api_server

__all__ = ["AddressRefused", "Guard", "api_server"]
