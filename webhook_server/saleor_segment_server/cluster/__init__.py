"""The Kubernetes API server: the one way in which both planes talk to it, JSON in and JSON out."""

from saleor_segment_server.cluster.access import Access, Credentials
from saleor_segment_server.cluster.api import PAGE, Api, Listing, Patch, WatchEvent
from saleor_segment_server.cluster.errors import (
    ApiError,
    Conflict,
    Expired,
    Forbidden,
    Missing,
    Refused,
    Terminating,
    Unanswered,
    Unserved,
)
from saleor_segment_server.cluster.follow import Follower
from saleor_segment_server.cluster.resources import (
    ENDPOINT_SLICES,
    EVENTS,
    LEASES,
    SECRETS,
    Resource,
)

__all__ = [
    "ENDPOINT_SLICES",
    "EVENTS",
    "LEASES",
    "PAGE",
    "SECRETS",
    "Access",
    "Api",
    "ApiError",
    "Conflict",
    "Credentials",
    "Expired",
    "Follower",
    "Forbidden",
    "Listing",
    "Missing",
    "Patch",
    "Refused",
    "Resource",
    "Terminating",
    "Unanswered",
    "Unserved",
    "WatchEvent",
]
