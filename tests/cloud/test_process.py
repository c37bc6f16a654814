"""The cloud as a process: how it starts, stops, and what its commands answer."""

import json
import socket
from pathlib import Path

import httpx
import pytest

from tests.support.cloud_process import cloud_process, run_cloud


@pytest.fixture
def environ(database_url: str, redis_url: str, tmp_path: Path) -> dict[str, str]:
    return {
        "CURB_DATABASE_URL": database_url,
        "CURB_REDIS_URL": redis_url,
        "CURB_DATA_DIR": str(tmp_path / "data"),
        "CURB_ARGON2_MEMORY_KIB": "19456",
    }


def test_a_process_is_ready_answers_with_safe_headers_and_stops_when_told(
    environ: dict[str, str],
) -> None:
    with cloud_process(environ) as url, httpx.Client(base_url=url) as client:
        assert client.get("/healthz").json() == {"status": "ok"}
        assert client.get("/readyz").json() == {"status": "ready", "database": True, "redis": True}
        answer = client.get("/nowhere", headers={"x-correlation-id": "quote-me-1"})
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == "not_found"
        assert answer.json()["correlation_id"] == answer.headers["x-correlation-id"] == "quote-me-1"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert 'curb_http_request_seconds_count{method="GET"' in client.get("/metrics").text


def test_metrics_are_not_for_who_comes_through_the_proxy(environ: dict[str, str]) -> None:
    with (
        cloud_process(environ | {"CURB_METRICS_TOKEN": "scrape-me"}) as url,
        httpx.Client(base_url=url) as client,
    ):
        proxied = {"x-forwarded-for": "203.0.113.9"}
        assert client.get("/metrics", headers=proxied).status_code == 403
        shown = proxied | {"authorization": "Bearer scrape-me"}
        assert client.get("/metrics", headers=shown).status_code == 200


def test_a_process_without_the_api_serves_health_only(environ: dict[str, str]) -> None:
    with cloud_process(environ, "--roles=relay") as url, httpx.Client(base_url=url) as client:
        assert client.get("/healthz").status_code == 200
        assert client.get("/api/v1/users/me").status_code == 404
        assert client.get("/api/v1/openapi.json").status_code == 404


def test_the_documentation_page_loads_nothing_from_elsewhere(environ: dict[str, str]) -> None:
    with cloud_process(environ) as url, httpx.Client(base_url=url) as client:
        for path in ("docs", "docs.js", "docs.css"):
            answer = client.get(f"/api/v1/{path}")
            assert answer.status_code == 200
            assert "http://" not in answer.text
            assert "https://" not in answer.text
        document = client.get("/api/v1/openapi.json").json()
        assert document["paths"]["/api/v1/users/me"]["get"]["security"] == [{"access_token": []}]


def test_a_taken_port_and_a_missing_setting_are_one_sentence(environ: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused = run_cloud(environ, f"--port={taken.getsockname()[1]}")
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
    assert "in use" in refused.stderr
    missing = run_cloud(environ | {"CURB_REDIS_URL": ""})
    assert missing.returncode == 1
    assert missing.stderr.startswith("CURB_REDIS_URL is not set")


def test_the_first_admin_is_made_once_and_can_log_in(environ: dict[str, str]) -> None:
    made = json.loads(run_cloud(environ, "create-admin").stdout)
    assert made["created"] is True
    again = json.loads(run_cloud(environ, "create-admin", "--email=other@curb.local").stdout)
    assert again["created"] is False
    assert "password" not in again
    key = Path(environ["CURB_DATA_DIR"]) / "keys" / "tokens" / "1.pem"
    assert key.stat().st_mode & 0o777 == 0o600
    with cloud_process(environ) as url:
        body = {"email": made["email"], "password": made["password"]}
        assert httpx.post(f"{url}/api/v1/auth/login", json=body).status_code == 200


def test_an_edited_audit_trail_is_found_by_the_command(
    environ: dict[str, str], postgres, database_url: str
) -> None:
    run_cloud(environ, "create-admin")
    intact = run_cloud(environ, "audit-verify")
    assert (intact.returncode, json.loads(intact.stdout)["rows"]) == (0, 1)
    postgres.execute(
        "ALTER TABLE audit_log DISABLE TRIGGER ALL; UPDATE audit_log SET action = 'nothing';",
        database=database_url.rpartition("/")[2],
    )
    edited = run_cloud(environ, "audit-verify")
    assert edited.returncode == 1
    assert json.loads(edited.stdout)["first_flaw_sequence"] == 1
