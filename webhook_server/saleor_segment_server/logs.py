"""Structured logs: JSON in a cluster, colours on a terminal, never a secret or personal data."""

import logging
import sys
from typing import Literal, TextIO

import structlog

Format = Literal["auto", "json", "console"]

_SHARED: tuple[structlog.typing.Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
)


def configure(*, level: str = "info", output: Format = "auto", stream: TextIO = sys.stderr) -> None:
    """Send our logs and the libraries' through one chain to ``stream``, a line each.

    Args:
        level: The lowest level that is written.
        output: ``auto`` writes JSON unless ``stream`` is a terminal.
        stream: Where the lines go.
    """
    console = output == "console" or (output == "auto" and stream.isatty())
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if console else structlog.processors.JSONRenderer()
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in ("httpx", "httpcore", "gql", "aiohttp.access", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)  # they log whole requests
    # Loggers are not cached: one used before would never hear of what is configured here.
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
