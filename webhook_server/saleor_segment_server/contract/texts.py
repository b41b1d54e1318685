"""Texts of a form, each with the sentence that says which: a regular expression is no remedy.

The custom resource's definition has the same patterns and sentences. ``re`` and RE2 understand the
patterns alike.
"""

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, Field


@dataclass(frozen=True, slots=True)
class Form:
    """What a text must look like."""

    pattern: str
    """The whole text matches it."""
    wanted: str
    """The sentence that is said of any other."""

    def checked(self, text: str) -> str:
        """Return ``text``.

        Raises:
            ValueError: It has another form.
        """
        if not re.fullmatch(self.pattern, text):
            raise ValueError(self.wanted)
        return text


METADATA_KEY = Form(
    r"^[A-Za-z0-9_.:-]+$",
    "must be a metadata key of letters, digits, _, ., : and -, as in segment_anonymous_id",
)
"""The pattern keeps it a plain GraphQL string."""
SLUG = Form(r"^[a-zA-Z0-9_-]+$", "must be a slug: letters, digits, - and _, as in brand")
CHANNEL = Form(
    SLUG.pattern, "must have slugs of channels: letters, digits, - and _, as in default-channel"
)
EVENT_NAME = Form(
    r"^[^\x00-\x20\x7f]([^\x00-\x1f\x7f]*[^\x00-\x20\x7f])?$",
    "must have names without a space at either end, and without control characters",
)
CATEGORY = Form(
    r"^[^\x00-\x20\x7f]+$",
    "must have keys and values of 1 to 128 characters without spaces, as in Advertising: ads",
)
PRODUCT_URL = Form(
    r"^(?i:https?)://([A-Za-z0-9._-]|\{channel\})+(:[0-9]{1,5})?"
    r"[/?#]([!-z|~]|\{(channel|slug|id)\})*$",
    "must be an absolute http or https URL with no other braces than {channel}, {slug} and {id}, "
    "as in https://shop.example.com/{channel}/{slug}",
)
"""An http or https URL in ASCII with what is put in."""

_Short = Annotated[str, Field(min_length=1, max_length=128)]
_Slug = Annotated[str, Field(min_length=1, max_length=255)]

MetadataKey = Annotated[_Short, AfterValidator(METADATA_KEY.checked)]
"""A key of Saleor's metadata."""
Slug = Annotated[_Slug, AfterValidator(SLUG.checked)]
"""A slug, as Saleor makes them of names."""
ChannelSlug = Annotated[_Slug, AfterValidator(CHANNEL.checked)]
"""One of the slugs of channels."""
EventName = Annotated[_Short, AfterValidator(EVENT_NAME.checked)]
"""What a message is called in Segment."""
Category = Annotated[_Short, AfterValidator(CATEGORY.checked)]
"""A key of a consent category, in Segment or in the shop."""
