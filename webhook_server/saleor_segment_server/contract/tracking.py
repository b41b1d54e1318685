"""How deliveries become Segment messages: the options of ``spec.tracking``."""

from typing import Annotated

from pydantic import Field

from saleor_segment_server.contract.model import Model

MetadataKey = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]+$", min_length=1, max_length=128)]
"""A key of Saleor's metadata; the pattern keeps it a plain GraphQL string."""


class Tracking(Model):
    """Options of the mapping; every default is the documented behaviour."""

    anonymous_id_key: MetadataKey = "segment_anonymous_id"
    """Key of the order's metadata under which the storefront left Segment's anonymous id."""
