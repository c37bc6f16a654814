"""Logs are lines a program can read, and a person on a terminal too."""

import errno
import io
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest
import structlog
from prometheus_client import REGISTRY

from cloud.kit.logs import correlation_id, set_up_logs, usable_correlation_id
from cloud.kit.settings import Settings

ENDLESS: list[object] = []
ENDLESS.append(ENDLESS)


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield io.StringIO()
    structlog.reset_defaults()
    root.handlers[:], root.level = before


def settings(log_format: str) -> Settings:
    return Settings(
        database_url="postgresql://x", redis_url="redis://x", data_dir=Path(), log_format=log_format
    )


def test_our_lines_and_a_library_s_are_json_with_the_correlation_id(stream: io.StringIO):
    set_up_logs(settings("json"), stream)
    with structlog.contextvars.bound_contextvars(correlation_id="quote-me-1"):
        structlog.get_logger().info("barrier_opened", gate_id="elm-in-1")
        logging.getLogger("some.library").warning("took %d tries", 3)
        assert correlation_id() == "quote-me-1"
    assert correlation_id() == ""
    ours, theirs = map(json.loads, stream.getvalue().splitlines())
    assert ours["event"] == "barrier_opened"
    assert ours["gate_id"] == "elm-in-1"
    assert theirs["event"] == "took 3 tries"
    assert {ours["correlation_id"], theirs["correlation_id"]} == {"quote-me-1"}
    assert (ours["level"], theirs["level"]) == ("info", "warning")


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_traceback_does_not_show_what_variables_held(stream: io.StringIO, log_format: str):
    set_up_logs(settings(log_format), stream)
    password = "-".join(["hunter", "two"])
    try:
        int(password and "x")
    except ValueError as error:
        structlog.get_logger().error("request_failed", exc_info=error)
    assert "ValueError" in stream.getvalue()
    assert "hunter-two" not in stream.getvalue()


@pytest.mark.parametrize(
    "offered", [None, "", "short", "x" * 65, "has space in it", "new\nline1234"]
)
def test_an_id_that_is_not_safe_to_log_is_not_used(offered: str | None):
    assert usable_correlation_id(offered) is None


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("Zürich\n\u2028", "Zürich\n\u2028"),
        (UUID(int=7), str(UUID(int=7))),
        (ValueError("no"), "ValueError('no')"),
        (1 << 70, 1 << 70),
        ("\ud800", "'\\ud800'"),
        ({("a", 1): 2}, {"('a', 1)": 2}),
        (ENDLESS, "[[...]]"),
    ],
)
def test_a_line_is_one_line_of_ascii_json_whatever_is_in_it(
    stream: io.StringIO, value: object, shown: object
):
    set_up_logs(settings("json"), stream)
    structlog.get_logger().info("looked", value=value)
    (line,) = stream.getvalue().splitlines()
    assert line.isascii()
    assert json.loads(line)["value"] == shown


class FullDisk(io.StringIO):
    """Takes nothing."""

    def write(self, text: str) -> int:
        """Fail as a file on a full disk does."""
        raise OSError(errno.ENOSPC, "No space left on device")


class FullOnFlush(io.StringIO):
    """Takes lines and cannot put them down."""

    def flush(self) -> None:
        """Fail as a buffered file on a full disk does."""
        raise OSError(errno.ENOSPC, "No space left on device")


def closed() -> io.StringIO:
    """What nobody reads from any more."""
    stream = io.StringIO()
    stream.close()
    return stream


def lost() -> float:
    value = REGISTRY.get_sample_value("curb_log_lines_lost_total")
    assert value is not None
    return value


@pytest.mark.parametrize("make", [FullDisk, FullOnFlush, closed])
def test_a_line_that_cannot_be_written_is_counted(
    stream: io.StringIO, make: Callable[[], io.StringIO], monkeypatch: pytest.MonkeyPatch
):
    sink = make()
    set_up_logs(settings("json"), sink)
    before = lost()
    structlog.get_logger().info("request", status=200)
    assert lost() == before + 1
    # A library's line is; that `logging` tells of it on the same stream helps nobody.
    monkeypatch.setattr(logging, "raiseExceptions", False)
    logging.getLogger("some.library").warning("took %d tries", 3)
    assert lost() == before + 2
    set_up_logs(settings("json"), stream)
    structlog.get_logger().info("request", status=201)
    assert lost() == before + 2


def test_a_full_disk_loses_the_line_and_not_the_work(stream: io.StringIO):
    set_up_logs(settings("json"), FullDisk())
    structlog.get_logger().info("request", status=200)
    set_up_logs(settings("json"), stream)
    structlog.get_logger().info("request", status=201)
    assert json.loads(stream.getvalue())["status"] == 201
