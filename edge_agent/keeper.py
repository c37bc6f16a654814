"""Keeps the rights list in force: takes what the cloud sends, asks for the whole when it must."""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from edge_agent import rights
from edge_agent.clock import TrustedClock
from edge_agent.index import RightsIndex
from edge_agent.rights import ListProblemError, ListState, PartsCollector
from edge_agent.store import Store, StoreError
from protocols import sealed
from protocols.portable import codes, macs
from protocols.site import RightsList

BIG_BYTES: Final = 16 * 1024
"""Above this, checking a message takes longer than a tap may wait: it goes to a thread."""
PART_WITHIN_MS: Final = 10_000
PROBLEM_DISK: Final = "disk"

log = structlog.get_logger()


class RightsKeeper:
    """Owns the list: `state` and `index` are what decisions use, replaced or changed together.

    on_change: called after a list was applied or refused.
    """

    def __init__(
        self,
        store: Store,
        clock: TrustedClock,
        *,
        site: str,
        site_key: bytes,
        on_change: Callable[[], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._site = site
        self._site_key = site_key
        self._on_change = on_change
        self._parts = PartsCollector()
        self._part_up_ms = 0
        self.problem: str | None = None
        self.state: ListState
        self.index: RightsIndex
        self.state, self.index, is_sound = store.read_now(rights.load)
        if not is_sound:
            # It goes on working from what it has, and says so.
            self.problem = rights.PROBLEM_HASH

    @property
    def wants_full(self) -> bool:
        """Whether only the whole list helps."""
        late = self._clock.up_ms() - self._part_up_ms > PART_WITHIN_MS
        return self.problem is not None or (self._parts.is_waiting and late)

    async def take(self, payload: bytes) -> None:
        """One `down/rights` message."""
        try:
            message = await self._unsealed(payload)
            is_news = rights.check(
                message, self.state, site=self._site, now_ms=self._clock.known_ms()
            )
            self._clock.note_signed(message.issued_at_ms)
            if is_news:
                await self._apply(message)
        except ListProblemError as error:
            self._refuse(error.code, str(error))
        except StoreError as error:
            self._refuse(PROBLEM_DISK, str(error))

    async def _unsealed(self, payload: bytes) -> RightsList:
        try:
            if len(payload) < BIG_BYTES:
                return sealed.unseal(self._site_key, macs.RIGHTS, payload, RightsList)
            return await asyncio.to_thread(
                sealed.unseal, self._site_key, macs.RIGHTS, payload, RightsList
            )
        except sealed.SealError as error:
            is_forged = error.code == codes.REFUSED_MAC
            code = rights.PROBLEM_MAC if is_forged else rights.PROBLEM_MALFORMED
            raise ListProblemError(code, str(error)) from error

    async def _apply(self, message: RightsList) -> None:
        if message.base_version is not None:
            await self._apply_delta(message)
            return
        self._part_up_ms = self._clock.up_ms()
        whole = self._parts.add(message)
        if whole is None:
            return
        full = await asyncio.to_thread(rights.assemble, whole, self.state)
        await self._store.run(lambda c: rights.store_full(c, full))
        self.state, self.index = full.state, full.index
        self._applied()

    async def _apply_delta(self, message: RightsList) -> None:
        current = self.state
        change = await self._store.run(lambda c: rights.store_delta(c, message, current))
        if isinstance(change, ListProblemError):
            raise change
        # No await from here on: no tap sees the one without the other.
        self.index.remove(change.removed)
        self.index.add(change.added)
        self.state = change.state
        self._applied()

    def _applied(self) -> None:
        self.problem = None
        log.info("rights_applied", version=self.state.version, count=self.state.count)
        self._on_change()

    def _refuse(self, code: str, message: str) -> None:
        log.warning("rights_refused", code=code, why=message)
        self.problem = code
        self._parts.clear()
        self._on_change()


def age_ms(state: ListState, clock: TrustedClock) -> int | None:
    """How old the list is; None when there is none or the clock is unset."""
    now_ms = clock.known_ms()
    return None if now_ms is None or state.version == 0 else now_ms - state.issued_at_ms
