"""Every refusal in one shape: problem details (RFC 9457), a stable code, and no inside of ours."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
import structlog
from litestar import Request, Response
from litestar.datastructures import Headers
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi.datastructures import ResponseSpec
from litestar.types import ExceptionHandlersMap

from cloud.kit.errors import AppError, ForbiddenError, UnauthenticatedError, UnavailableError
from cloud.kit.logs import correlation_id
from cloud.kit.outages import is_passing, is_unstorable_text

log = structlog.get_logger()

PROBLEM_MEDIA_TYPE: Final = "application/problem+json"
TYPE_PREFIX: Final = "urn:curb:problem:"

# What the framework refuses by itself, before a feature is asked.
_CODES: Final[Mapping[int, tuple[str, str]]] = {
    400: ("invalid_request", "The request cannot be understood."),
    401: ("unauthenticated", "Log in first, or show a token that is still good."),
    403: ("forbidden", "You are not allowed to do this."),
    404: ("not_found", "There is nothing at this address."),
    405: ("method_not_allowed", "This address does not take this method; see the Allow header."),
    406: ("not_acceptable", "This address cannot answer in the media type asked for."),
    413: ("too_large", "The request is larger than this address takes."),
    415: ("unsupported_media_type", "Send the body as application/json."),
    429: ("rate_limited", "Too many requests; wait as long as Retry-After says."),
    503: ("unavailable", "Something this needs does not answer; try again in a moment."),
}

# What every route behind a guard may answer beside its own refusals.
ACCESS_PROBLEMS: Final = (UnauthenticatedError, ForbiddenError, UnavailableError)


class FieldProblem(msgspec.Struct, frozen=True, omit_defaults=True):
    """One field that is wrong; `field` is its path in the body, or the parameter's name."""

    message: str
    field: str = ""


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of every refusal. Clients branch on `code`; people read `detail`."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    correlation_id: str = ""
    errors: tuple[FieldProblem, ...] = ()


def problems(*errors: type[AppError]) -> dict[int, ResponseSpec]:
    """For a route's `responses=`: the refusals it documents beside its answer."""
    by_status: dict[int, list[type[AppError]]] = {}
    for error in errors:
        by_status.setdefault(error.status, []).append(error)
    return {
        status: ResponseSpec(
            data_container=Problem,
            generate_examples=False,
            media_type=PROBLEM_MEDIA_TYPE,
            description=" ".join(f"`{e.code}`: {_first_line(e)}" for e in same),
        )
        for status, same in by_status.items()
    }


# What the framework answers when it cannot read a request, whatever the route.
MALFORMED: Final = ResponseSpec(
    data_container=Problem,
    generate_examples=False,
    media_type=PROBLEM_MEDIA_TYPE,
    description="`invalid_request`, `too_large`: the request cannot be understood as it is.",
)


def _first_line(error: type[AppError]) -> str:
    return (error.__doc__ or "").strip().partition("\n")[0]


def render(problem: Problem, headers: Mapping[str, str] | None = None) -> Response[Problem]:
    """The HTTP answer of a problem."""
    return Response(
        problem,
        status_code=problem.status,
        media_type=PROBLEM_MEDIA_TYPE,
        headers=dict(headers or {}),
    )


def make_problem(
    status: int, code: str, detail: str, errors: tuple[FieldProblem, ...] = ()
) -> Problem:
    """A problem with its derived fields filled in."""
    return Problem(
        type=TYPE_PREFIX + code,
        title=HTTPStatus(status).phrase,
        status=status,
        code=code,
        detail=detail,
        correlation_id=correlation_id(),
        errors=errors,
    )


def _on_app_error(_: Request[Any, Any, Any], error: AppError) -> Response[Problem]:
    return render(make_problem(error.status, error.code, error.message), error.headers)


def _on_validation_error(
    _: Request[Any, Any, Any], error: ValidationException
) -> Response[Problem]:
    extra = error.extra if isinstance(error.extra, list) else []
    errors = tuple(
        FieldProblem(message=str(item.get("message", "")), field=str(item.get("key", "")))
        for item in extra
        if isinstance(item, dict)
    )
    named = ", ".join(sorted({e.field for e in errors if e.field}))
    detail = f"These are not as they must be: {named}." if named else _CODES[400][1]
    return render(make_problem(400, "invalid_request", detail, errors))


def _on_http_error(_: Request[Any, Any, Any], error: HTTPException) -> Response[Problem]:
    status = error.status_code
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.SERVICE_UNAVAILABLE:
        return _internal(error)
    code, detail = _CODES.get(status, ("refused", HTTPStatus(status).description + "."))
    headers = Headers(error.headers or {}).dict()
    kept = {name: value[0] for name, value in headers.items() if name != "content-length"}
    return render(make_problem(status, code, detail), kept)


def _on_any_error(_: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    if is_unstorable_text(error):
        # A path or parameter without a pattern of its own; nothing of that name can exist.
        return render(make_problem(400, *_CODES[400]))
    return _outage(error) if is_passing(error) else _internal(error)


def _outage(error: Exception) -> Response[Problem]:
    """Something is away: expected now and then, so no traceback; its own alarms tell."""
    log.warning("request_met_an_outage", error=f"{type(error).__name__}: {error}"[:500])
    return render(make_problem(503, *_CODES[503]), {"Retry-After": "1"})


def _internal(error: Exception) -> Response[Problem]:
    """Our bug: the caller gets a number to quote, the log gets the traceback."""
    log.error("request_failed", exc_info=error)
    return render(
        make_problem(
            500,
            "internal_error",
            "Something went wrong on our side. Quote the correlation id when you report it.",
        )
    )


EXCEPTION_HANDLERS: Final[ExceptionHandlersMap] = {
    AppError: _on_app_error,
    ValidationException: _on_validation_error,
    HTTPException: _on_http_error,
    Exception: _on_any_error,
}
