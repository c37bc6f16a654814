"""Logs: an event name plus fields, one JSON object a line; for people on a terminal, in colour.

Every line of one request carries its correlation id; so does a line of a task that handles that
request's event.
"""

import json
import logging
import re
import sys
from typing import Any, Final, TextIO

import msgspec
import structlog
from prometheus_client import Counter
from structlog.typing import EventDict, WrappedLogger

from cloud.kit.settings import Settings

CORRELATION_HEADER: Final = "x-correlation-id"
_CORRELATION_ID: Final = re.compile(r"[A-Za-z0-9._-]{8,64}")
_JSON: Final = msgspec.json.Encoder(enc_hook=repr)

LINES_LOST: Final = Counter(
    "curb_log_lines_lost", "Log lines that could not be written: a full disk, a closed pipe."
)


def correlation_id() -> str:
    """The id of what is being handled now; empty outside of it."""
    return str(structlog.contextvars.get_contextvars().get("correlation_id", ""))


def usable_correlation_id(offered: str | None) -> str | None:
    """The caller's id if it is safe to log and to send back, else None."""
    return offered if offered and _CORRELATION_ID.fullmatch(offered) else None


def set_up_logs(settings: Settings, stream: TextIO = sys.stderr) -> None:
    """Send our own lines and those of every library through one renderer to `stream`.

    Ours take the short way there: every request writes one, and through the standard library's
    handlers that took as long as reading, checking and answering an order.
    """
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
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
        renderer = [structlog.processors.format_exc_info, _json_line]
    handler = _Handler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for noisy in ("uvicorn.error", "httpx", "sqlalchemy.engine.Engine"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, *renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: _Lines(stream),
        cache_logger_on_first_use=True,
    )


class _Lines:
    """Writes each line at once and in one piece, so that none is lost with the process.

    A disk that is full loses lines; it must not fail the request that wrote them. `LINES_LOST` is
    where that shows: no line could say it.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def msg(self, line: str) -> None:
        """Write one line."""
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
        except (OSError, ValueError):  # ValueError: it was closed
            LINES_LOST.inc()

    debug = info = warning = error = critical = msg


class _Handler(logging.StreamHandler[TextIO]):
    """Writes the lines of libraries."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 -- logging's name
        """Count a line that was not written, whatever the reason."""
        LINES_LOST.inc()
        super().handleError(record)


def _json_line(_: WrappedLogger, _method: str, event: EventDict) -> str:
    """One line in ASCII, whatever is in it."""
    try:
        line = _JSON.encode(event)
    except (TypeError, ValueError, RecursionError):  # half a character, a loop
        return json.dumps({str(name): repr(value) for name, value in event.items()})
    return line.decode() if line.isascii() else json.dumps(msgspec.json.decode(line))
