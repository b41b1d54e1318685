"""One Secret of Pipelines: what is read anew when it changes, and what is kept of it."""

import base64
from collections.abc import Mapping
from typing import Any

import structlog
from pydantic import ValidationError

from saleor_segment_server.contract import Pipeline

log = structlog.get_logger(__name__)


class Shard:
    """The Pipelines of one Secret.

    An entry that cannot be read leaves the last good Pipeline of its id in force: it may come from
    an operator newer than this server.

    Args:
        secret: The Secret's name.
    """

    def __init__(self, secret: str) -> None:
        self.secret = secret
        """The Secret's name."""
        self.exists: bool | None = None
        """Whether there is such a Secret; ``None`` until that is known."""
        self.pipelines: dict[str, Pipeline] = {}
        """The Pipelines by id."""
        self.unreadable: frozenset[str] = frozenset()
        """The data keys that cannot be read."""
        self._seen: Mapping[str, str] = {}

    def take(self, document: Mapping[str, Any] | None) -> bool:
        """Take in the Secret as it is now, ``None`` where it is not; tell whether that is news."""
        known, self.exists = self.exists, document is not None
        data: Mapping[str, str] = (document or {}).get("data") or {}
        changed = {key for key, value in data.items() if self._seen.get(key) != value}
        gone = self._seen.keys() - data.keys()
        self._seen = data
        self.unreadable = (self.unreadable & data.keys()) - changed
        for key in gone:
            self.pipelines.pop(key, None)
        for key in changed:
            self._read(key, data[key])
        return bool(changed or gone or known != self.exists)

    def _read(self, key: str, value: str) -> None:
        try:
            self.pipelines[key] = _parsed(key, value)
        except ValueError as error:
            self.unreadable |= {key}
            log.warning(
                "pipeline_unreadable",
                secret=self.secret,
                pipeline=key,
                problem=_problem(error),
                last_good_kept=key in self.pipelines,
            )


def _parsed(key: str, value: str) -> Pipeline:
    pipeline = Pipeline.model_validate_json(base64.b64decode(value, validate=True), by_name=False)
    if pipeline.id != key:
        raise ValueError("its id is not the name of the data key it lies under")
    return pipeline


def _problem(error: ValueError) -> str:
    """Say what is the matter without what is there: it holds a write key."""
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    where = ".".join(map(str, first["loc"]))
    return f"{where}: {first['msg']}" if where else first["msg"]
