"""Pipelines with options, and every way to set those that concern persons."""

from typing import Any

from hypothesis import strategies as st
from pydantic import ValidationError

from saleor_segment_server.contract import Pipeline, Tracking
from tests.data_plane.mapping.deliveries import PIPELINE, Json


def piped(**tracking: Any) -> Pipeline:
    """Return the tests' pipeline with these options, spelled as in a file."""
    return PIPELINE.model_copy(update={"tracking": Tracking.model_validate(tracking)})


def private(**privacy: str) -> Pipeline:
    """Return a pipeline in which this may be told of a customer."""
    return piped(privacy=privacy)


_DISCLOSURE = st.sampled_from(["Omit", "Plain"])
_CONSENT = st.sampled_from(
    [
        None,
        *(
            {"metadataKey": "consent", "categories": {"Advertising": "ads"}, "unknown": unknown}
            for unknown in ("Send", "Deny", "Drop")
        ),
    ]
)
_TRACKING = st.fixed_dictionaries(
    {
        "userId": st.sampled_from(["SaleorId", "Namespaced", "Email"]),
        "guest": st.sampled_from(["Email", "Anonymous"]),
        "identify": st.booleans(),
        "privacy": st.fixed_dictionaries(
            {
                "email": st.sampled_from(["Plain", "Hashed", "Omit"]),
                "name": _DISCLOSURE,
                "phone": _DISCLOSURE,
                "address": _DISCLOSURE,
            }
        ),
        "consent": _CONSENT,
    }
)


def _is_valid(tracking: Json) -> bool:
    try:
        Tracking.model_validate(tracking)
    except ValidationError:
        return False
    return True


personal_options = _TRACKING.filter(_is_valid)
"""Combinations of the options that concern persons, without those that are refused."""
