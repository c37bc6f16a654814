"""Refusals under /v2 in Alpaca's shape: `{"code": 42210000, "message": "..."}`.

Whatever any feature raises there, and whatever the framework refuses by itself, is answered so;
under every other path the answer stays problem details.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from litestar import Request, Response
from litestar.openapi.datastructures import ResponseSpec
from litestar.types import ExceptionHandlersMap

from cloud.exchange.orders.errors import VALIDATION, OrderError
from cloud.kit.errors import AppError
from cloud.kit.problems import Problem

PREFIX: Final = "/v2/"

Handler = Callable[[Request[Any, Any, Any], Any], Response[Any]]


class AlpacaError(msgspec.Struct, frozen=True):
    """The body of every refusal under /v2.

    code: Alpaca's: the HTTP status, then five digits. message: a sentence for people.
    reason: our addition for programs: stable and snake_case.
    """

    code: int
    message: str
    reason: str


def alpaca_code(status: int) -> int:
    """The number for refusals of this status that have none of their own: 404 gives 40410000."""
    return status * 100_000 + 10_000


def alpaca_problems(*errors: type[AppError]) -> dict[int, ResponseSpec]:
    """For a route's `responses=` under /v2: the refusals it documents beside its answer."""
    by_status: dict[int, list[str]] = {}
    for error in errors:
        line = (error.__doc__ or "").strip().partition("\n")[0]
        by_status.setdefault(error.status, []).append(line)
    return {
        status: ResponseSpec(
            data_container=AlpacaError, generate_examples=False, description=" ".join(lines)
        )
        for status, lines in by_status.items()
    }


ALPACA_MALFORMED: Final = ResponseSpec(
    data_container=AlpacaError,
    generate_examples=False,
    description="The request cannot be understood as it is, or is too large.",
)


def shaped(handlers: ExceptionHandlersMap) -> ExceptionHandlersMap:
    """The same handlers, whose answers under /v2 have Alpaca's shape."""
    return {key: _shaped(handler) for key, handler in handlers.items()}


def _shaped(handler: Any) -> Handler:  # noqa: ANN401 - the framework's map allows many kinds
    def answer(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
        response: Response[Any] = handler(request, error)
        problem = response.content
        if not request.scope["path"].startswith(PREFIX) or not isinstance(problem, Problem):
            return response
        return Response(
            _body(problem, error),
            status_code=problem.status,
            media_type="application/json",
            headers=_headers(response.headers),
        )

    return answer


def _body(problem: Problem, error: Exception) -> AlpacaError:
    if isinstance(error, OrderError):
        return AlpacaError(error.alpaca_code, error.message, error.reason)
    code = VALIDATION if problem.status == 400 else alpaca_code(problem.status)
    said = "; ".join(
        f"{one.field}: {one.message}" if one.field else one.message for one in problem.errors
    )
    return AlpacaError(code, f"{problem.detail} {said}".strip(), problem.code)


def _headers(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() != "content-type"}
