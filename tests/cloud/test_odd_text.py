"""Text that looks right and is not: NUL in a path, a line break at the end of an id."""

import httpx
import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute

from cloud.accounts.user import Role
from cloud.app import build_app, wire_features
from cloud.kit.feature import Kit
from tests.cloud.conftest import SignIn

EVERYBODY = tuple(Role)


def text_paths(app: Litestar) -> list[tuple[str, str]]:
    """Every (method, path) with a free-text part, and that part as a %-placeholder."""
    return [
        (method, route.path_format)
        for route in app.routes
        if isinstance(route, HTTPRoute) and route.path.startswith("/api/v1")
        for method in sorted(route.methods - {"OPTIONS"})
        if ":str}" in route.path
    ]


async def test_no_path_with_odd_text_fails(
    kit: Kit, client: httpx.AsyncClient, sign_in: SignIn
) -> None:
    headers = await sign_in("root@example.org", *EVERYBODY)
    paths = text_paths(build_app(kit, wire_features(kit)))
    assert len(paths) > 20
    failed = []
    for method, path in paths:
        for odd in ("elm%00", "elm%0A", "%ED%A0%80"):
            parts = [odd if part.startswith("{") else part for part in path.split("/")]
            answer = await client.request(method, "/".join(parts), headers=headers, json={})
            if answer.status_code >= 500:
                failed.append(f"{method} {'/'.join(parts)}: {answer.status_code}")
    assert not failed, "\n".join(failed)


@pytest.mark.parametrize("odd", ["elm\n", "el m", "elm\x00", "ELM", "élm", ""])
async def test_no_id_has_odd_text(client: httpx.AsyncClient, sign_in: SignIn, odd: str) -> None:
    headers = await sign_in("root@example.org", *EVERYBODY)
    site = {"id": odd, "name": "Elm"}
    answer = await client.post("/api/v1/sites", json=site, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
