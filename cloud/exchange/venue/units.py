"""Units that come into the venue: somebody has to have the first shares before they can be sold.

An admin brings them in, for a portfolio, at a cost; the reason is kept and audited as of every act.
"""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Controller, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter

from cloud.accounts.access import allow
from cloud.accounts.user import Role, User
from cloud.exchange.public_ids import portfolio_id_of
from cloud.exchange.sequencer import (
    ExchangeBusy,
    ExchangeUnavailable,
    Sequencer,
    WishTooLarge,
)
from cloud.exchange.venue.acts import ActKind, VenueAct, VenueDesk
from cloud.exchange.venue.errors import (
    InstrumentMissingError,
    PriceTextError,
    UnitsRefusedError,
    UnknownPortfolioError,
)
from cloud.exchange.venue.rules import price_ticks
from cloud.exchange.venue.schemas import Price, Reason
from cloud.kit.idempotency import IdempotencyConflictError, Once
from cloud.kit.problems import ACCESS_PROBLEMS, problems
from trading.commands import DepositUnits
from trading.instruments import Instrument, notional_floor
from trading.orders import QUANTITY_UNITS_MAX


class UnitsBringIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bring in units. unit_price: what one of them cost, for the books."""

    symbol: Annotated[str, msgspec.Meta(min_length=1, max_length=12)]
    units: Annotated[int, msgspec.Meta(ge=1, le=QUANTITY_UNITS_MAX)]
    unit_price: Price
    reason: Reason


class UnitsBroughtIn(msgspec.Struct, frozen=True, kw_only=True):
    """Units that are there now, settled. seq: of the command; act: its row in the list of acts."""

    portfolio_id: UUID
    symbol: str
    units: int
    cost_minor: int
    act: UUID
    seq: int


class Units:
    """Brings units in, through the venue's desk."""

    def __init__(self, sequencer: Sequencer, desk: VenueDesk) -> None:
        self._sequencer = sequencer
        self._desk = desk

    async def bring_in(self, actor: UUID, portfolio: UUID, wanted: UnitsBringIn) -> UnitsBroughtIn:
        """Settled at once.

        Raises:
            UnknownPortfolioError, InstrumentMissingError, PriceTextError: see there.
            UnitsRefusedError: the portfolio is short in it, or the amount is too large.
            ExchangeUnavailable, ExchangeBusy: the venue takes no wishes now.
        """
        one = self._instrument(wanted.symbol)
        number = portfolio_id_of(portfolio)
        if number is None:
            raise UnknownPortfolioError("There is no portfolio of this id.")
        cost = notional_floor(one, price_ticks(one, wanted.unit_price), wanted.units)
        act = VenueAct(
            actor,
            ActKind.UNITS,
            f"portfolio:{portfolio}",
            wanted.reason,
            instrument_id=one.instrument_id,
            portfolio_id=number,
            details={"symbol": one.symbol, "units": wanted.units, "cost_minor": cost},
        )
        done = await self._desk.do(
            act,
            lambda seq, at: DepositUnits(seq, at, number, one.instrument_id, wanted.units, cost),
        )
        return UnitsBroughtIn(
            portfolio_id=portfolio,
            symbol=one.symbol,
            units=wanted.units,
            cost_minor=cost,
            act=done.id,
            seq=done.receipt.sequence,
        )

    def _instrument(self, symbol: str) -> Instrument:
        if not self._sequencer.is_leading:
            raise ExchangeUnavailable
        for market in self._sequencer.engine.venue.markets.values():
            if market.instrument.symbol == symbol:
                return market.instrument
        raise InstrumentMissingError(f"No instrument {symbol} is listed here.")


class UnitsController(Controller):
    """Units that come in from outside the venue."""

    path = "/api/v1/exchange/portfolios/{portfolio_id:uuid}/units"
    tags = ("venue",)

    @post(
        "/",
        guards=[allow(Role.ADMIN)],
        status_code=201,
        summary="Bring units into a portfolio",
        responses=problems(
            UnknownPortfolioError,
            InstrumentMissingError,
            PriceTextError,
            UnitsRefusedError,
            WishTooLarge,
            IdempotencyConflictError,
            ExchangeUnavailable,
            ExchangeBusy,
            *ACCESS_PROBLEMS,
        ),
    )
    async def bring_in(
        self,
        portfolio_id: Annotated[UUID, PathParameter(description="Whose they will be.")],
        data: JSONBody[UnitsBringIn],
        # Not `units`: litestar takes a wrong field of a body for a broken dependency of its name.
        units_desk: NamedDependency[Units],
        user: NamedDependency[User],
        once: NamedDependency[Once],
    ) -> UnitsBroughtIn:
        """Shares that were issued or moved here. Send an Idempotency-Key to retry safely."""
        return await once.answer(
            UnitsBroughtIn, lambda: units_desk.bring_in(user.id, portfolio_id, data)
        )
