"""The base of every model that crosses a process border."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Model(BaseModel):
    """Immutable, camelCase outside and snake_case inside, with unknown fields refused."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        # A rejected value may be a secret; pydantic would print it.
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )
