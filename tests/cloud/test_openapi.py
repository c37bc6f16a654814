"""Whatever a client sends, no route fails, and every answer is one that the document promises."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

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
EXAMPLES_MAX = 5
LEADS_WITHIN_S = 30
EMAIL = "admin@example.org"
ROLES = ("driver", "trader", "operator", "technician", "admin", "auditor")


@dataclass(frozen=True)
class RunningApi:
    """A process of the cloud, and somebody who may do everything there."""

    url: str
    password: str

    def headers(self) -> dict[str, str]:
        """Of a fresh login: trial requests may have ended the one before."""
        body = {"email": EMAIL, "password": self.password}
        answer = httpx.post(f"{self.url}/api/v1/auth/login", json=body, timeout=10)
        assert answer.status_code == 200, answer.text
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}

    def open_portfolio(self) -> None:
        """Have one to trade with, which the process can do once it leads the exchange."""
        deadline, headers = time.monotonic() + LEADS_WITHIN_S, self.headers()
        body = {"name": "trial"}
        while True:
            url = f"{self.url}/api/v1/portfolios"
            answer = httpx.post(url, json=body, headers=headers, timeout=10)
            if answer.status_code != 503:
                assert answer.status_code == 201, answer.text
                return
            assert time.monotonic() < deadline, "The process does not lead the exchange."
            time.sleep(0.1)


@pytest.fixture(scope="module")
def api(
    module_database_url: str, valkey: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningApi]:
    data_dir: Path = tmp_path_factory.mktemp("data")
    environ = {
        "CURB_DATABASE_URL": module_database_url,
        "CURB_REDIS_URL": valkey.url,
        "CURB_DATA_DIR": str(data_dir),
        "CURB_ARGON2_MEMORY_KIB": "19456",
    }
    made = run_cloud(environ, "create-user", EMAIL, *(f"--role={role}" for role in ROLES))
    assert made.returncode == 0, made.stderr
    with cloud_process(environ, "--roles=api,exchange") as url:
        running = RunningApi(url, json.loads(made.stdout)["password"])
        running.open_portfolio()
        yield running


def try_out(operation: schemathesis.APIOperation, api: RunningApi) -> None:
    """Send requests made up from the document: some that fit, some that break it on purpose."""
    headers = api.headers()
    fitting = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    broken = operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)

    @settings(
        max_examples=EXAMPLES_MAX,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=fitting | broken)
    def send(case: schemathesis.Case) -> None:
        case.call_and_validate(base_url=api.url, headers=headers, checks=CHECKS)

    send()


@pytest.mark.timeout(900)  # some eighty operations, on whatever machine
def test_no_request_fails_and_every_answer_is_documented(api: RunningApi) -> None:
    document = schemathesis.openapi.from_url(f"{api.url}/api/v1/openapi.json")
    failures: list[str] = []
    operations = [result.ok() for result in document.get_all_operations()]
    for operation in operations:
        try:
            try_out(operation, api)
        except (FailureGroup, Failure) as failure:
            failures.append(f"{operation.label}: {failure}")
    assert len(operations) > 10
    assert not failures, "\n\n".join(failures)
