"""Whole processes of the cloud are killed (-9): no notice is lost and no client hears one twice.

Two processes do everything: serve, relay, deliver. Notices are committed all the while. One of
them is killed every few seconds.
"""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from cloud.accounts.user import Role, User
from cloud.accounts.wire import Accounts
from cloud.app import open_kit
from cloud.events.outbox import Outbox, Wakeup
from cloud.kit.settings import Settings
from cloud.realtime.notices import Notices
from launcher.ports import free_port
from protocols import realtime as wire
from tests.cloud.realtime.conftest import eventually
from tests.cloud.realtime.test_faults import Watcher
from tests.support.engines import ROOT, running_valkey

pytestmark = [pytest.mark.slow, pytest.mark.system, pytest.mark.timeout(240)]

NOTICES = 300
ROLES = "api,parking,relay"


class OwnWatcher(Watcher):
    """Watches the user's own room, whose snapshot knows nothing of the notices."""

    def __init__(self, ports: list[int], draw: random.Random, token: str) -> None:
        super().__init__(ports, draw)
        self.follower = wire.RoomFollower("user:me")
        self.token = token
        self.heard: list[int] = []

    def _take(self, message: wire.FromServer) -> None:
        match message:
            case wire.Subscribed():
                self.follower.joined(message)
                self.snapshots += 1
            case wire.RoomEvent():
                assert self.follower.is_new(message)
                self.heard.append(json.loads(bytes(message.data))["n"])
            case _:
                super()._take(message)


class CloudProcess:
    """One `python -m cloud` that can be killed and started again on its port."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self.port = free_port()
        self._environment = dict(os.environ) | environment
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "cloud", "--port", str(self.port), "--roles", ROLES],
                cwd=ROOT,
                env=self._environment,
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    async def ready(self) -> None:
        async with asyncio.timeout(60):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                except OSError:
                    await asyncio.sleep(0.05)
                else:
                    writer.close()
                    return


async def test_nothing_is_lost_or_doubled_while_processes_die(database_url, tmp_path):
    draw = random.Random(11)
    with running_valkey() as valkey, tempfile.TemporaryDirectory() as data:
        settings = Settings(database_url=database_url, redis_url=valkey.url, data_dir=Path(data))
        environment = {
            "CURB_DATABASE_URL": database_url,
            "CURB_REDIS_URL": valkey.url,
            "CURB_DATA_DIR": data,
        }
        clouds = [CloudProcess(environment, tmp_path / f"cloud-{n}.log") for n in range(2)]
        for cloud in clouds:
            cloud.start()
        try:
            await asyncio.gather(*(cloud.ready() for cloud in clouds))
            async with open_kit(settings) as kit:
                user = User(kit.ids.new(), kit.ids.new(), frozenset({Role.DRIVER}))
                token = Accounts(kit).access_tokens.make(user)
                notices = Notices(Outbox(ids=kit.ids, clock=kit.clock, wakeup=Wakeup(kit.redis)))
                ports = [cloud.port for cloud in clouds]
                watchers = [OwnWatcher(ports, random.Random(n), token) for n in range(4)]
                tasks = [asyncio.ensure_future(watcher.run()) for watcher in watchers]
                await eventually(lambda: all(w.snapshots for w in watchers), within_s=60)
                for number in range(NOTICES):
                    async with kit.database.session() as session:
                        notices.tell(session, f"user:{user.id}", "fact", {"n": number})
                    if number % 60 == 30:
                        cloud = draw.choice(clouds)
                        await asyncio.to_thread(cloud.kill)
                        cloud.start()
                    await asyncio.sleep(0.03)
                everything = list(range(NOTICES))
                await eventually(
                    lambda: all(sorted(set(w.heard)) == everything for w in watchers), within_s=90
                )
                # One key keeps its order, and a repeated delivery is not told again.
                assert all(w.heard == everything for w in watchers)
                assert not [task for task in tasks if task.done()]
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)
        finally:
            for cloud in clouds:
                cloud.kill()
