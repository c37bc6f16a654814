"""What the cloud wants of the site: the picture of lanes and lots, and orders to gates."""

from collections.abc import Callable
from typing import Final

import structlog

from edge_agent.clock import TrustedClock
from edge_agent.gate_orders import GateOrders
from edge_agent.identity import Identity
from edge_agent.orders import OrderDesk, Refusal
from edge_agent.outbox import Outbox
from edge_agent.picture import Picture, PictureProblemError, read_picture
from edge_agent.quarantine import Quarantine
from edge_agent.store import Store, StoreError, get_meta, set_meta
from protocols.portable import codes, version
from protocols.site import CommandBody

ORDER_LIVES_MS_MAX: Final = 60_000

log = structlog.get_logger()


class SitePicture:
    """Keeps the picture in force, as the last start left it or as the cloud sent it since.

    on_change: called with the new picture once it is stored and in force.
    """

    def __init__(
        self,
        store: Store,
        clock: TrustedClock,
        quarantine: Quarantine,
        identity: Identity,
        *,
        on_change: Callable[[Picture], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._quarantine = quarantine
        self._identity = identity
        self._on_change = on_change
        self.current = self._stored()

    async def take(self, payload: bytes) -> None:
        """One `down/desired` message."""
        try:
            picture = self._read(payload, self.current)
            if picture is None:
                return
            await self._store.run(lambda c: set_meta(c, "desired", payload))
        except PictureProblemError as error:
            self._quarantine.put(self._identity.name, error.code, payload, str(error))
            return
        except StoreError as error:
            # The cloud sees the old version in the report and sends it again.
            log.warning("picture_not_stored", why=str(error))
            return
        self.current = picture
        self._clock.note_signed(picture.issued_at_ms)
        log.info("picture_applied", version=picture.version, gates=sorted(picture.lanes))
        self._on_change(picture)

    def _stored(self) -> Picture:
        payload = self._store.read_now(lambda c: get_meta(c, "desired"))
        if payload is None:
            return Picture()
        try:
            return self._read(payload, Picture()) or Picture()
        except PictureProblemError as error:
            # A new identity, perhaps; the cloud sends the picture again.
            log.warning("stored_picture_refused", why=str(error))
            return Picture()

    def _read(self, payload: bytes, current: Picture) -> Picture | None:
        return read_picture(
            payload,
            site=self._identity.site,
            site_key=self._identity.site_key,
            current=current,
        )


class SiteOrders:
    """Obeys orders from the cloud, and tells of each that is not obeyed."""

    def __init__(
        self,
        clock: TrustedClock,
        outbox: Outbox,
        desk: OrderDesk,
        gate_orders: GateOrders,
        picture: Callable[[], Picture],
    ) -> None:
        self._clock = clock
        self._outbox = outbox
        self._desk = desk
        self._gate_orders = gate_orders
        self._picture = picture

    async def take(self, payload: bytes) -> None:
        """One `down/cmd` message."""
        try:
            order = await self._desk.accept(payload, frozenset(self._picture().lanes))
            if isinstance(order, Refusal):
                log.warning("order_refused", code=order.code, why=order.message)
                self._tell(order.body, order.code)
                return
            self._clock.note_signed(order.issued_at_ms)
            if order.op == codes.OP_TIME:
                self._tell(order, codes.DONE)
            elif not await self._hand_on(order):
                # When it is sent, the gate itself tells how it ended.
                self._tell(order, codes.REFUSED_NOT_NOW)
        except StoreError as error:
            log.warning("order_not_obeyed", why=str(error))

    async def _hand_on(self, order: CommandBody) -> bool:
        is_open = order.op == codes.OP_OPEN
        longest_ms = version.OPEN_EXPIRES_MS_MAX if is_open else ORDER_LIVES_MS_MAX
        left_ms = order.expires_at_ms - self._clock.now_ms()
        return await self._gate_orders.order(
            order.device, order.id, order.op, order.args, expires_ms=min(left_ms, longest_ms)
        )

    def _tell(self, body: CommandBody | None, result: str) -> None:
        """`body` is None when its MAC was wrong: then nothing it says is worth repeating."""
        facts = {
            "id": None if body is None else body.id,
            "device": None if body is None else body.device,
            "gate": None if body is None else body.device,
            "op": None if body is None else body.op,
            "result": result,
        }
        self._outbox.report(codes.COMMAND, facts)
