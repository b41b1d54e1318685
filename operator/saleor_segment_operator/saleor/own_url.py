"""The address a shop gives itself, which is not always the one it is called at."""

import re
from typing import Any

from pydantic import TypeAdapter, ValidationError

from saleor_segment_server.contract.pipeline import BaseUrl, origin

_URL: TypeAdapter[str] = TypeAdapter(BaseUrl)
_PRINTABLE = re.compile(r"[!-~]{1,255}")
"""It is shown in the status, and an address may answer anything."""


def parse(value: Any) -> str | None:
    """Return the origin of ``Domain.url``, or ``None`` where it is no plain http(s) URL."""
    if not isinstance(value, str) or not _PRINTABLE.fullmatch(value):
        return None
    try:
        return origin(_URL.validate_python(value))
    except ValidationError:
        return None
