"""Running the venue over HTTP."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import Controller, get, post, put
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter
from sqlalchemy import select, tuple_
from sqlmodel import col

from cloud.accounts.access import allow, signed_in
from cloud.accounts.user import Role, User
from cloud.exchange.public_ids import portfolio_uuid
from cloud.exchange.sequencer import ExchangeBusy, ExchangeUnavailable
from cloud.exchange.tables import InstrumentRow
from cloud.exchange.venue.errors import (
    BandsInvalidError,
    CorporateActionExistsError,
    DividendAmountError,
    InstrumentInUseError,
    InstrumentInvalidError,
    InstrumentMissingError,
    KillSwitchHeldError,
    PayoutTooLargeError,
    PhaseNotAllowedError,
    PriceTextError,
    RatioInvalidError,
    TradingAccountMissingError,
)
from cloud.exchange.venue.instruments import Instruments
from cloud.exchange.venue.kill_switches import VENUE, KillSwitches
from cloud.exchange.venue.schemas import (
    Act,
    Bands,
    Dividend,
    Halt,
    KillSwitch,
    KillSwitchEdit,
    Listed,
    Listing,
    PhaseChange,
    Resume,
    Split,
)
from cloud.exchange.venue.tables import VenueActRow
from cloud.kit.database import AsyncSession
from cloud.kit.paging import CursorError, Page, PageRequest
from cloud.kit.problems import ACCESS_PROBLEMS, problems

Symbol = Annotated[
    str, PathParameter(pattern=r"^[A-Z][A-Z0-9.]{0,11}$(?!\n)", description="Such as AAPL.")
]
AccountId = Annotated[int, PathParameter(ge=1, le=2**62, description="The trading account.")]
OF_VENUE = (ExchangeUnavailable, ExchangeBusy, *ACCESS_PROBLEMS)


class InstrumentsController(Controller):
    """What is listed; changing it is the admins'."""

    path = "/api/v1/exchange/instruments"
    tags = ("venue",)

    @get("/", guards=[signed_in], summary="List instruments", responses=problems(*ACCESS_PROBLEMS))
    async def list_all(self, instruments: NamedDependency[Instruments]) -> list[Listed]:
        """Every instrument with its phase, by symbol."""
        return await instruments.read_all()

    @get(
        "/{symbol:str}",
        guards=[signed_in],
        summary="One instrument",
        responses=problems(InstrumentMissingError, *ACCESS_PROBLEMS),
    )
    async def read(self, symbol: Symbol, instruments: NamedDependency[Instruments]) -> Listed:
        """An instrument by its symbol."""
        return await instruments.read(symbol)

    @put(
        "/{symbol:str}",
        guards=[allow(Role.ADMIN)],
        summary="List or change an instrument",
        responses=problems(PriceTextError, InstrumentInUseError, InstrumentInvalidError, *OF_VENUE),
    )
    async def list_or_change(
        self,
        symbol: Symbol,
        data: JSONBody[Listing],
        instruments: NamedDependency[Instruments],
        user: NamedDependency[User],
    ) -> Listed:
        """Harmless to repeat. A new instrument is closed; one that changes must be."""
        return await instruments.list_or_change(user.id, symbol, data)

    @post(
        "/{symbol:str}/phase",
        guards=[allow(Role.ADMIN)],
        status_code=200,
        summary="Move an instrument to a phase",
        responses=problems(InstrumentMissingError, PhaseNotAllowedError, *OF_VENUE),
    )
    async def change_phase(
        self,
        symbol: Symbol,
        data: JSONBody[PhaseChange],
        instruments: NamedDependency[Instruments],
        user: NamedDependency[User],
    ) -> Listed:
        """Leaving a call holds its auction; harmless to repeat."""
        return await instruments.change_phase(user.id, symbol, data)

    @post(
        "/{symbol:str}/halt",
        guards=[allow(Role.ADMIN)],
        status_code=200,
        summary="Halt an instrument",
        responses=problems(InstrumentMissingError, PhaseNotAllowedError, *OF_VENUE),
    )
    async def halt(
        self,
        symbol: Symbol,
        data: JSONBody[Halt],
        instruments: NamedDependency[Instruments],
        user: NamedDependency[User],
    ) -> Listed:
        """Nothing trades until it is resumed; everybody sees the reason."""
        return await instruments.halt(user.id, symbol, data)

    @post(
        "/{symbol:str}/resume",
        guards=[allow(Role.ADMIN)],
        status_code=200,
        summary="End a halt",
        responses=problems(InstrumentMissingError, PhaseNotAllowedError, *OF_VENUE),
    )
    async def resume(
        self,
        symbol: Symbol,
        data: JSONBody[Resume],
        instruments: NamedDependency[Instruments],
        user: NamedDependency[User],
    ) -> Listed:
        """To a call, whose auction finds the new price, or closed."""
        return await instruments.resume(user.id, symbol, data)

    @put(
        "/{symbol:str}/bands",
        guards=[allow(Role.ADMIN)],
        summary="Set limit down and limit up",
        responses=problems(InstrumentMissingError, PriceTextError, BandsInvalidError, *OF_VENUE),
    )
    async def set_bands(
        self,
        symbol: Symbol,
        data: JSONBody[Bands],
        instruments: NamedDependency[Instruments],
        user: NamedDependency[User],
    ) -> Listed:
        """Until the next open; orders left outside are cancelled."""
        return await instruments.set_bands(user.id, symbol, data)

    @post(
        "/{symbol:str}/splits",
        guards=[allow(Role.ADMIN)],
        summary="Split an instrument",
        responses=problems(
            InstrumentMissingError,
            CorporateActionExistsError,
            RatioInvalidError,
            PayoutTooLargeError,
            *OF_VENUE,
        ),
    )
    async def split(
        self,
        symbol: Symbol,
        data: JSONBody[Split],
        instruments: NamedDependency[Instruments],
        user: NamedDependency[User],
    ) -> Listed:
        """Once for a day: a repetition is refused."""
        return await instruments.split(user.id, symbol, data)

    @post(
        "/{symbol:str}/dividends",
        guards=[allow(Role.ADMIN)],
        summary="Pay a cash dividend",
        responses=problems(
            InstrumentMissingError,
            CorporateActionExistsError,
            DividendAmountError,
            PayoutTooLargeError,
            *OF_VENUE,
        ),
    )
    async def pay_dividend(
        self,
        symbol: Symbol,
        data: JSONBody[Dividend],
        instruments: NamedDependency[Instruments],
        user: NamedDependency[User],
    ) -> Listed:
        """Once for a day: a repetition is refused."""
        return await instruments.pay_dividend(user.id, symbol, data)


class VenueController(Controller):
    """All instruments at once, and the record of acts."""

    path = "/api/v1/exchange"
    tags = ("venue",)

    @post(
        "/phase",
        guards=[allow(Role.ADMIN)],
        status_code=200,
        summary="Move all instruments to a phase",
        responses=problems(PhaseNotAllowedError, *OF_VENUE),
    )
    async def change_all_phases(
        self,
        data: JSONBody[PhaseChange],
        instruments: NamedDependency[Instruments],
        user: NamedDependency[User],
    ) -> list[Listed]:
        """Those that cannot go there stay where they are."""
        return await instruments.change_all_phases(user.id, data)

    @get(
        "/acts",
        guards=[allow(Role.ADMIN, Role.AUDITOR)],
        summary="What was done to the venue, newest first",
        responses=problems(CursorError, *ACCESS_PROBLEMS),
    )
    async def acts(
        self,
        session: NamedDependency[AsyncSession],
        page: NamedDependency[PageRequest],
        kind: Annotated[
            str | None,
            QueryParameter(pattern=r"^[a-z_]{1,32}$(?!\n)", description="Only this kind."),
        ] = None,
    ) -> Page[Act]:
        """Listings, phases, halts, bands, corporate actions, limits and kill switches."""
        key = (col(VenueActRow.asked_at), col(VenueActRow.id))
        query = (
            select(VenueActRow, col(InstrumentRow.symbol))
            .outerjoin(InstrumentRow, col(InstrumentRow.id) == col(VenueActRow.instrument_id))
            .order_by(*(column.desc() for column in key))
            .limit(page.fetch)
        )
        if kind is not None:
            query = query.where(col(VenueActRow.kind) == kind)
        if (after := page.after(tuple[datetime, UUID])) is not None:
            query = query.where(tuple_(*key) < after)
        rows = [(row, symbol) for row, symbol in (await session.execute(query)).all()]
        return page.page(rows, _act, lambda pair: (pair[0].asked_at, pair[0].id))


class KillSwitchController(Controller):
    """Stopping trade at once."""

    path = "/api/v1/exchange"
    tags = ("kill switch",)

    @get(
        "/kill-switch",
        guards=[allow(Role.TRADER)],
        summary="My kill switch",
        responses=problems(TradingAccountMissingError, *ACCESS_PROBLEMS),
    )
    async def own(
        self, kill_switches: NamedDependency[KillSwitches], user: NamedDependency[User]
    ) -> KillSwitch:
        """Whether the caller's account is stopped."""
        return await kill_switches.read(await kill_switches.own_account(user.id))

    @put(
        "/kill-switch",
        guards=[allow(Role.TRADER)],
        summary="Turn my kill switch",
        responses=problems(TradingAccountMissingError, KillSwitchHeldError, *OF_VENUE),
    )
    async def turn_own(
        self,
        data: JSONBody[KillSwitchEdit],
        kill_switches: NamedDependency[KillSwitches],
        user: NamedDependency[User],
    ) -> KillSwitch:
        """On: all orders of all the caller's portfolios are cancelled, new ones refused."""
        return await kill_switches.turn_own(user.id, data)

    @get(
        "/kill-switches",
        guards=[allow(Role.ADMIN, Role.AUDITOR)],
        summary="All kill switches",
        responses=problems(*ACCESS_PROBLEMS),
    )
    async def list_all(self, kill_switches: NamedDependency[KillSwitches]) -> list[KillSwitch]:
        """Every one that was ever turned."""
        return await kill_switches.read_all()

    @put(
        "/kill-switches/venue",
        guards=[allow(Role.ADMIN)],
        summary="Turn the venue's kill switch",
        responses=problems(*OF_VENUE),
    )
    async def turn_venue(
        self,
        data: JSONBody[KillSwitchEdit],
        kill_switches: NamedDependency[KillSwitches],
        user: NamedDependency[User],
    ) -> KillSwitch:
        """On: every order of everybody is cancelled, new ones refused."""
        return await kill_switches.turn(user.id, VENUE, data)

    @put(
        "/kill-switches/{account_id:int}",
        guards=[allow(Role.ADMIN)],
        summary="Turn an account's kill switch",
        responses=problems(TradingAccountMissingError, *OF_VENUE),
    )
    async def turn(
        self,
        account_id: AccountId,
        data: JSONBody[KillSwitchEdit],
        kill_switches: NamedDependency[KillSwitches],
        user: NamedDependency[User],
    ) -> KillSwitch:
        """Its trader cannot switch it off again; an admin can."""
        return await kill_switches.turn(user.id, account_id, data)


def _act(pair: tuple[VenueActRow, str | None]) -> Act:
    row, symbol = pair
    return Act(
        id=row.id,
        asked_at=row.asked_at,
        actor=row.actor,
        kind=row.kind,
        symbol=symbol,
        account_id=row.account_id or None,
        portfolio_id=portfolio_uuid(row.portfolio_id) if row.portfolio_id else None,
        reason=row.reason,
        details=row.details,
        effective_on=row.effective_on,
        state=row.state,
        seq=row.sequence,
        refusal=row.refusal,
    )
