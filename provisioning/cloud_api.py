"""A signed-in client of the cloud's REST API: what a technician's tools and the demo speak."""

from types import TracebackType
from typing import Any, Self

import httpx

_WITHIN_S = 20.0


class ApiError(Exception):
    """The API did not answer, or refused; the message is a sentence."""


class RefusedError(ApiError):
    """The API refused; `code` is the problem's stable code."""

    def __init__(self, request: str, status: int, code: str, detail: str) -> None:
        super().__init__(f"The API refused {request}: {status} {code}. {detail}")
        self.status = status
        self.code = code


class Api:
    """One user's connection to the API; close it, or use it as a context manager."""

    def __init__(self, base_url: str) -> None:
        self._client = httpx.Client(base_url=base_url, timeout=_WITHIN_S, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def log_in(self, email: str, password: str) -> None:
        """Be this user from now on.

        Raises:
            RefusedError: 401 for a wrong password or an unknown address.
        """
        self._client.headers.pop("Authorization", None)
        tokens = self.post("/api/v1/auth/login", {"email": email, "password": password})
        self._client.headers["Authorization"] = f"Bearer {tokens['access_token']}"

    def get(self, path: str, **query: str | int) -> Any:  # noqa: ANN401 - whatever the API answers
        """The answer of a GET."""
        return self._ask("GET", path, params=query)

    def post(self, path: str, body: object = None) -> Any:  # noqa: ANN401 - whatever the API answers
        """The answer of a POST."""
        return self._ask("POST", path, json=body)

    def put(self, path: str, body: object) -> Any:  # noqa: ANN401 - whatever the API answers
        """The answer of a PUT."""
        return self._ask("PUT", path, json=body)

    def _ask(self, method: str, path: str, **how: Any) -> Any:  # noqa: ANN401 - for httpx
        try:
            answer = self._client.request(method, path, **how)
        except httpx.HTTPError as error:
            raise ApiError(f"The API did not answer {method} {path}: {error!r}.") from error
        if answer.is_success:
            return answer.json() if answer.content else None
        kind = answer.headers.get("content-type", "")
        problem = answer.json() if "json" in kind else {}
        raise RefusedError(
            f"{method} {path}",
            answer.status_code,
            str(problem.get("code", "")),
            str(problem.get("detail", answer.text[:300])),
        )
