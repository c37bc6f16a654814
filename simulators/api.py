"""The cloud's REST API as a simulation uses it: logged in as one person, answers as plain JSON."""

from types import TracebackType
from typing import Any, Self

import httpx

WITHIN_S = 20.0
PAGE = 200


class RefusedError(Exception):
    """The API refused; `status` and the problem's stable `code` say why."""

    def __init__(self, request: str, status: int, code: str, detail: str) -> None:
        super().__init__(f"{request} was refused: {status} {code}. {detail}")
        self.status = status
        self.code = code


class Api:
    """One person's connection; an async context manager."""

    def __init__(self, base_url: str) -> None:
        self._client = httpx.AsyncClient(base_url=base_url, timeout=WITHIN_S, trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        await self._client.aclose()

    async def log_in(self, email: str, password: str) -> None:
        """Be this person from now on."""
        self._client.headers.pop("Authorization", None)
        tokens = await self.ask(
            "POST", "/api/v1/auth/login", {"email": email, "password": password}
        )
        self._client.headers["Authorization"] = f"Bearer {tokens['access_token']}"

    async def ask(self, method: str, path: str, body: object = None, **query: str | int) -> Any:  # noqa: ANN401 - JSON
        """One request; the answer's JSON, or None if it has none.

        Raises:
            RefusedError: the API said no.
            httpx.HTTPError: it did not answer.
        """
        answer = await self._client.request(method, path, json=body, params=query)
        if answer.is_success:
            return answer.json() if answer.content else None
        is_json = "json" in answer.headers.get("content-type", "")
        problem = answer.json() if is_json else {}
        raise RefusedError(
            f"{method} {path}",
            answer.status_code,
            str(problem.get("code", "")),
            str(problem.get("detail", answer.text[:300])),
        )

    async def every(self, path: str, **query: str | int) -> list[dict[str, Any]]:
        """All items of a paged list, page after page."""
        items: list[dict[str, Any]] = []
        cursor: dict[str, str] = {}
        while True:
            page = await self.ask("GET", path, None, limit=PAGE, **query, **cursor)
            items += page["items"]
            if not page.get("next_cursor"):
                return items
            cursor = {"cursor": page["next_cursor"]}
