"""Our own programs as children: how each is started and known to be ready."""

import contextlib
import http.client
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from launcher.ports import LOOPBACK
from launcher.program import Program

_ANSWER_WITHIN_S = 0.5


class PythonProgram(Program):
    """`python -m module arguments`, with variables added to our environment.

    is_up: how to know that it works; None says a living process is ready.
    sign: a file by which it shows life; an older one is removed before each start.
    heard: what it may read from its standard input, such as a password that no list of processes
        should show.
    """

    # Importing the cloud takes two seconds on an idle machine, and twenty on a crowded one.
    ready_within_s = 90.0

    def __init__(
        self,
        name: str,
        module: str,
        arguments: Sequence[str | Path] = (),
        *,
        log_path: Path,
        variables: Mapping[str, str] | None = None,
        is_up: Callable[[], bool] | None = None,
        sign: Path | None = None,
        heard: str = "",
    ) -> None:
        super().__init__(name, log_path=log_path)
        self._command = [sys.executable, "-m", module, *arguments]
        self._variables = dict(variables or {})
        self._is_up = is_up
        self._sign = sign
        self._heard = heard

    def prepare(self) -> None:
        """Remove the sign of life of an earlier run."""
        if self._sign is not None:
            self._sign.unlink(missing_ok=True)

    def input_text(self) -> str:
        """See Program."""
        return self._heard

    def command(self) -> Sequence[str | Path]:
        """See Program."""
        return self._command

    def environment(self) -> Mapping[str, str]:
        """Ours and the added ones; logs as JSON and at once."""
        return dict(os.environ) | {"PYTHONUNBUFFERED": "1"} | self._variables

    def is_ready(self) -> bool:
        """See Program."""
        return self._is_up is None or self._is_up()


def answers(port: int, path: str) -> bool:
    """Whether a GET of that path on loopback is answered with 200."""
    link = http.client.HTTPConnection(LOOPBACK, port, timeout=_ANSWER_WITHIN_S)
    with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(link):
        link.request("GET", path)
        return link.getresponse().status == http.client.OK
    return False
