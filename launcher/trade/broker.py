"""The venue's REST API for one API key, as plain JSON; every decimal stays one."""

import json
from decimal import Decimal
from types import TracebackType
from typing import Any, Self

import httpx

from launcher.errors import LauncherError, NotRunningError
from launcher.trade.access import Access

WITHIN_S = 10.0
_UNAVAILABLE = 503


class RefusedError(LauncherError):
    """The venue refused; the message is its own sentence. code: Alpaca's, or 0."""

    def __init__(self, status: int, code: int, sentence: str) -> None:
        super().__init__(f"The venue refused: {sentence} ({status}, code {code})")
        self.status = status
        self.code = code


class Broker:
    """One connection to the venue; a context manager."""

    def __init__(self, access: Access, transport: httpx.BaseTransport | None = None) -> None:
        self._base_url = access.base_url
        self._client = httpx.Client(
            base_url=access.base_url,
            headers=access.headers,
            timeout=WITHIN_S,
            trust_env=False,
            transport=transport,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def ask(self, method: str, path: str, body: object = None, **query: str | int) -> Any:  # noqa: ANN401 - JSON
        """One request below the base address; the answer's JSON, or None if it has none.

        Raises:
            RefusedError: the venue said no.
            NotRunningError: it did not answer.
        """
        try:
            answer = self._client.request(method, path, json=body, params=query)
        except httpx.HTTPError as error:
            raise NotRunningError(
                f"The venue at {self._base_url} does not answer: {error!r}. See `curb status`."
            ) from error
        if not answer.is_success:
            raise _refusal(answer)
        return _json(answer.text) if answer.content else None


def _json(text: str) -> Any:  # noqa: ANN401 - JSON
    return json.loads(text, parse_float=Decimal)


def _refusal(answer: httpx.Response) -> LauncherError:
    told: dict[str, Any] = {}
    if "json" in answer.headers.get("content-type", ""):
        told = _json(answer.text)
    sentence = str(told.get("message") or told.get("detail") or answer.text[:300])
    if answer.status_code == _UNAVAILABLE:
        return NotRunningError(f"The venue does not trade now: {sentence}")
    code = told.get("code", 0)
    return RefusedError(answer.status_code, code if isinstance(code, int) else 0, sentence)
