"""Whatever is sent to a leading exchange under /v2, no route fails and every answer is documented.

tests/cloud/test_openapi.py asks every route of a process without the exchange, where /v2 says 503.
"""

import json
from collections.abc import Iterator

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import (
    Failure,
    FailureGroup,
    content_type_conformance,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)

from launcher.engines.valkey import Valkey
from tests.support.cloud_process import cloud_process, run_cloud

CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
]
EMAIL = "trader@example.org"
PATHS = ("account", "assets", "calendar", "clock", "orders", "positions", "watchlists")


@pytest.fixture(scope="module")
def trader(
    module_database_url: str, valkey: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, dict[str, str]]]:
    """The address of a leading exchange, and the headers of an API key there."""
    environ = {
        "CURB_DATABASE_URL": module_database_url,
        "CURB_REDIS_URL": valkey.url,
        "CURB_DATA_DIR": str(tmp_path_factory.mktemp("data")),
    }
    made = run_cloud(environ, "create-user", EMAIL, "--role=trader")
    assert made.returncode == 0, made.stderr
    password = json.loads(made.stdout)["password"]
    with cloud_process(environ, "--roles=api,exchange") as url, httpx.Client(base_url=url) as http:
        login = http.post("/api/v1/auth/login", json={"email": EMAIL, "password": password})
        token = {"Authorization": f"Bearer {login.json()['access_token']}"}
        opened = http.post("/api/v1/portfolios", json={"name": "main"}, headers=token)
        assert opened.status_code == 201, opened.text
        body = {"portfolio_id": opened.json()["id"], "name": "tests"}
        key = http.post("/api/v1/api-keys", json=body, headers=token).json()
        yield url, {"APCA-API-KEY-ID": key["id"], "APCA-API-SECRET-KEY": key["secret"]}


def try_out(operation: schemathesis.APIOperation, url: str, headers: dict[str, str]) -> None:
    fitting = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    broken = operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)

    @settings(
        max_examples=10,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=fitting | broken)
    def send(case: schemathesis.Case) -> None:
        case.call_and_validate(base_url=url, headers=headers, checks=CHECKS)

    send()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_no_request_fails_and_every_answer_is_documented(
    trader: tuple[str, dict[str, str]],
) -> None:
    url, headers = trader
    document = schemathesis.openapi.from_url(f"{url}/api/v1/openapi.json")
    operations = [
        operation
        for operation in (result.ok() for result in document.get_all_operations())
        if operation.path.startswith(tuple(f"/v2/{name}" for name in PATHS))
    ]
    assert len(operations) > 25
    failures: list[str] = []
    for operation in operations:
        try:
            try_out(operation, url, headers)
        except (FailureGroup, Failure) as failure:
            failures.append(f"{operation.label}: {failure}")
    assert not failures, "\n\n".join(failures)
