"""Logs: an event name plus fields, one JSON object a line; for people on a terminal, in colour.

Every line of one request carries its correlation id; so does a line of a task that handles that
request's event.
"""

import logging
import re
import sys
from typing import Any, Final, TextIO

import structlog

from cloud.kit.settings import Settings

CORRELATION_HEADER: Final = "x-correlation-id"
_CORRELATION_ID: Final = re.compile(r"[A-Za-z0-9._-]{8,64}")


def correlation_id() -> str:
    """The id of what is being handled now; empty outside of it."""
    return str(structlog.contextvars.get_contextvars().get("correlation_id", ""))


def usable_correlation_id(offered: str | None) -> str | None:
    """The caller's id if it is safe to log and to send back, else None."""
    return offered if offered and _CORRELATION_ID.fullmatch(offered) else None


def set_up_logs(settings: Settings, stream: TextIO = sys.stderr) -> None:
    """Send our own lines and those of every library through one renderer to `stream`."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    on_terminal = stream.isatty() if settings.log_format == "auto" else None
    renderer: list[Any]
    if on_terminal or settings.log_format == "console":
        renderer = [
            structlog.dev.ConsoleRenderer(
                colors=stream.isatty(),
                # The pretty one prints local variables, passwords among them.
                exception_formatter=structlog.dev.plain_traceback,
            )
        ]
    else:
        renderer = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for noisy in ("uvicorn.error", "httpx", "sqlalchemy.engine.Engine"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
