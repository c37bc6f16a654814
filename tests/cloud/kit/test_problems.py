"""Every refusal has one shape and a stable code, and a bug of ours shows nothing of our inside."""

import httpx
import pytest
from litestar import Litestar, get, post
from litestar.params import JSONBody

from cloud.accounts.users.schemas import RoleChange
from cloud.kit.errors import AppError, RateLimitedError
from cloud.kit.problems import EXCEPTION_HANDLERS, problems


class LotFullError(AppError):
    """No space is free."""

    status = 409
    code = "lot_full"


@get("/full", responses=problems(LotFullError))
async def full() -> None:
    raise LotFullError("Every space of this lot is taken.")


@get("/often")
async def often() -> None:
    raise RateLimitedError("Too many.", retry_after_s=7)


@get("/bug")
async def bug() -> None:
    raise ZeroDivisionError("password=hunter2")


@post("/body")
async def body(data: JSONBody[RoleChange]) -> None:
    return None


@pytest.fixture
async def client():
    app = Litestar(
        [full, often, bug, body],
        exception_handlers=EXCEPTION_HANDLERS,
        request_max_body_size=1_000,
        openapi_config=None,
        logging_config=None,
        debug=False,
    )
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type] # Litestar's own ASGI types
    async with httpx.AsyncClient(transport=transport, base_url="http://curb.test") as made:
        yield made


async def test_a_refusal_says_what_and_with_which_code(client: httpx.AsyncClient):
    answer = await client.get("/full")
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "urn:curb:problem:lot_full",
        "title": "Conflict",
        "status": 409,
        "code": "lot_full",
        "detail": "Every space of this lot is taken.",
    }


async def test_a_rate_limit_says_when_to_come_back(client: httpx.AsyncClient):
    answer = await client.get("/often")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")


async def test_a_bug_of_ours_is_a_500_without_our_inside(client: httpx.AsyncClient):
    answer = await client.get("/bug")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "hunter2" not in answer.text
    assert "Zero" not in answer.text


@pytest.mark.parametrize(
    ("content", "content_type", "status", "code"),
    [
        (b"{}", "application/json", 400, "invalid_request"),
        (b"{", "application/json", 400, "invalid_request"),
        (b"\xff", "application/json", 400, "invalid_request"),
        (b'{"reason": 5}', "application/json", 400, "invalid_request"),
        (b'{"reason": "long enough", "more": 1}', "application/json", 400, "invalid_request"),
        (b'{"reason": "' + b"x" * 2_000 + b'"}', "application/json", 413, "too_large"),
    ],
)
async def test_what_cannot_be_read_is_refused_in_the_same_shape(
    client: httpx.AsyncClient, content: bytes, content_type: str, status: int, code: str
):
    answer = await client.post("/body", content=content, headers={"content-type": content_type})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_wrong_method_names_the_right_ones(client: httpx.AsyncClient):
    answer = await client.delete("/body")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert "POST" in answer.headers["allow"]
    assert (await client.get("/nowhere")).json()["code"] == "not_found"


async def test_a_wrong_field_is_named(client: httpx.AsyncClient):
    answer = await client.post("/body", json={"reason": "x"})
    (error,) = answer.json()["errors"]
    assert error["field"] == "reason"
    assert "3" in error["message"]
