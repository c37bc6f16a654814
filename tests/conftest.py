"""Fixtures every test may ask for: a real PostgreSQL, freshly migrated, and a real, empty Valkey.

    def test_something(database_url, redis_url): ...

The servers start at the first test that asks, once per pytest process (so per xdist worker).
"""

import uuid
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from launcher.engines.postgres import Postgres
from launcher.engines.valkey import Valkey
from tests.support.engines import flush, migrated_template, running_postgres, running_valkey

# How long anything takes depends on what else the machine does, so no property is judged by it.
settings.register_profile(
    "curb",
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("curb")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The PostgreSQL server of this pytest process."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def valkey() -> Iterator[Valkey]:
    """The Valkey server of this pytest process."""
    with running_valkey() as server:
        yield server


@pytest.fixture
def empty_database_url(postgres: Postgres) -> Iterator[str]:
    """A fresh database without any table: for tests of the migrations themselves."""
    name = f"empty_{uuid.uuid4().hex[:12]}"
    yield postgres.create_database(name)
    postgres.drop_database(name)


@pytest.fixture
def database_url(postgres: Postgres) -> Iterator[str]:
    """A fresh database with every migration applied, for one test (a clone: about 50 ms)."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    yield postgres.create_database(name, template=migrated_template(postgres))
    postgres.drop_database(name)


@pytest.fixture(scope="module")
def module_database_url(postgres: Postgres) -> Iterator[str]:
    """A migrated database shared by one module's tests: for those that keep apart by ids."""
    name = f"module_{uuid.uuid4().hex[:12]}"
    yield postgres.create_database(name, template=migrated_template(postgres))
    postgres.drop_database(name)


@pytest.fixture
def redis_url(valkey: Valkey) -> str:
    """An empty Valkey, for one test."""
    flush(valkey)
    return valkey.url
