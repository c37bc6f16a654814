"""A trader's REST connection: what it reads when it begins."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import httpx

from simulators.market.books import ticks_of
from simulators.market.streams import Key

WITHIN_S = 10.0
OPEN_ORDERS_MAX = 500
_NOT_FOUND = 404


class VenueRefusedError(Exception):
    """The venue said no; the message is its sentence. status: HTTP's, 0 for no answer."""

    def __init__(self, sentence: str, status: int = 0) -> None:
        super().__init__(sentence)
        self.status = status


class HttpDesk:
    """One key's requests."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def ask(self, method: str, path: str, body: object = None, **query: str | int) -> Any:  # noqa: ANN401 - JSON
        """One request; the answer's JSON with exact decimals, None if it has none.

        Raises:
            VenueRefusedError: the venue said no, or did not answer.
        """
        try:
            answer = await self._client.request(method, path, json=body, params=query)
        except httpx.HTTPError as error:
            raise VenueRefusedError(f"no answer: {type(error).__name__}") from error
        is_json = "json" in answer.headers.get("content-type", "")
        content = json.loads(answer.text, parse_float=Decimal) if is_json else None
        if answer.is_success:
            return content
        told = content if isinstance(content, dict) else {}
        sentence = told.get("message") or told.get("detail") or answer.text[:100]
        raise VenueRefusedError(str(sentence), answer.status_code)

    async def open_orders(self) -> list[dict[str, Any]]:
        """What works now; at most `OPEN_ORDERS_MAX`."""
        query: dict[str, str | int] = {"status": "open", "limit": OPEN_ORDERS_MAX}
        found: list[dict[str, Any]] = await self.ask("GET", "/v2/orders", None, **query)
        return found

    async def positions(self) -> list[dict[str, Any]]:
        """What is held now."""
        found: list[dict[str, Any]] = await self.ask("GET", "/v2/positions")
        return found

    async def last_ticks(self, symbol: str) -> int:
        """The price of the last trade; 0 where there was none.

        Raises:
            VenueRefusedError: it cannot be asked.
        """
        try:
            answer = await self.ask("GET", f"/v2/stocks/{symbol}/trades/latest")
        except VenueRefusedError as error:
            if error.status == _NOT_FOUND:
                return 0
            raise
        trade = answer.get("trade")
        return ticks_of(trade["p"]) if trade else 0


@asynccontextmanager
async def http_desk(key: Key) -> AsyncIterator[HttpDesk]:
    """A connection for one key."""
    headers = {"APCA-API-KEY-ID": key.key_id, "APCA-API-SECRET-KEY": key.secret}
    async with httpx.AsyncClient(
        base_url=key.base_url, headers=headers, timeout=WITHIN_S, trust_env=False
    ) as client:
        yield HttpDesk(client)
