"""What the tests of devices share: messages of a site, and ports that remember."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import msgspec

from cloud.kit.database import AsyncSession
from protocols.portable import codes
from protocols.site import LotPolicy

START_MS = 1_772_438_400_000


def event(
    device: str = "elm-in", boot: int = 1, seq: int = 0, kind: str = codes.PASSAGE, **data: Any
) -> dict[str, Any]:
    """One event as an agent would send it."""
    return {
        "device": device,
        "boot": boot,
        "seq": seq,
        "at_ms": START_MS + seq,
        "heard_ms": START_MS + seq + 5,
        "clock": "set",
        "kind": kind,
        "data": data,
    }


def batch(number: int, events: Sequence[Any], v: int = 1) -> bytes:
    """The payload of `up/events`."""
    return msgspec.json.encode({"v": v, "batch": number, "events": list(events)})


class FakeLive:
    """Remembers what rooms were told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, Any]] = []

    async def publish(self, room: str, event: str, data: Any, *, key: str = "") -> None:
        """Remember."""
        self.told.append((room, event, data))


class FakePolicies:
    """Lots as parking would describe them."""

    def __init__(self) -> None:
        self.max_age_s = 86_400
        self.state = codes.OPEN

    async def policies(self, session: AsyncSession, lots: Sequence[str]) -> list[LotPolicy]:
        """Every lot exists."""
        return [
            LotPolicy(
                lot=lot,
                name=lot.title(),
                state=self.state,
                walk_ups=codes.WALK_UPS_ALL,
                passback=codes.PASSBACK_SOFT,
                level_min=0,
                stale=codes.STALE_KNOWN,
                max_age_s=self.max_age_s,
            )
            for lot in lots
        ]


async def eventually(check: Callable[[], Awaitable[Any]], within_s: float = 10.0) -> Any:
    """Wait until `check` gives something true, and give that; fail after so long."""
    async with asyncio.timeout(within_s):
        while True:
            if found := await check():
                return found
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def running(*runs: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """These tasks, until the block ends."""

    async def run(one: Callable[[], Awaitable[None]]) -> None:
        await one()

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(run(one)) for one in runs]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
