"""Text in a status: cut to what the resource's schema allows.

The API server refuses a status with a longer value as a whole, and some values come from an address
that may answer anything. Better the beginning of it than no status at all.
"""

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

SHORT = 256
"""Characters of an id, a name, a version."""
ADDRESS = 4096
"""Characters of a URL, which is made from those of a spec or of the settings; they are shorter."""
PROSE = 32768
"""Characters of a message, the same as in a ``metav1.Condition``."""


def _cut(length: int) -> Callable[[Any], Any]:
    return lambda value: value[:length] if isinstance(value, str) else value


Short = Annotated[str, Field(max_length=SHORT), BeforeValidator(_cut(SHORT))]
Address = Annotated[str, Field(max_length=ADDRESS), BeforeValidator(_cut(ADDRESS))]
Prose = Annotated[str, Field(max_length=PROSE), BeforeValidator(_cut(PROSE))]
