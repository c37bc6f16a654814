"""Cash between a wallet and a portfolio: on real books, and cut at every single await."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest

from cloud.accounts.user import Role
from cloud.exchange.portfolios.owners import Owned
from cloud.exchange.public_ids import portfolio_id_of
from cloud.exchange.sequencer import ExchangeUnavailable, Sequencer, Wish
from cloud.exchange.transfers.rules import Direction, State
from cloud.exchange.transfers.saga import Saga
from cloud.exchange.transfers.service import TransferService
from cloud.exchange.wishes import Receipt
from cloud.kit.database import AsyncSession, Database
from cloud.kit.feature import Kit
from cloud.kit.money import Money
from cloud.ledger.rules import Account, AccountKind
from cloud.ledger.wire import Ledger
from tests.support.exchange import leading_sequencer, wish_of
from tests.support.venue_app import VenueApp, venue_app
from trading.commands import Deposit, OpenPortfolio

USER = UUID(int=1)
OWNED = Owned(1, 1, USER, "main", "USD")


class CutError(Exception):
    """The process ends here, as far as the transfer is concerned."""


class Scissors:
    """Cuts before or after the n-th commit of either book."""

    def __init__(self, cut_at: int) -> None:
        self.left = cut_at

    def pass_by(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise CutError


class CutDatabase(Database):
    """The same database; each of its transactions passes the scissors twice."""

    def __init__(self, database: Database, scissors: Scissors) -> None:
        self.__dict__ = database.__dict__.copy()
        self._whole = database
        self._scissors = scissors

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        async with self._whole.session() as session:
            yield session
            self._scissors.pass_by()
        self._scissors.pass_by()


class CutSequencer:
    """The same sequencer; each wish passes the scissors twice: before, and after its commit."""

    def __init__(self, sequencer: Sequencer, scissors: Scissors) -> None:
        self._sequencer = sequencer
        self._scissors = scissors
        self.engine = sequencer.engine
        self.is_leading = True

    async def submit(self, wish: Wish) -> Receipt:
        self._scissors.pass_by()
        receipt = await self._sequencer.submit(wish)
        self._scissors.pass_by()
        return receipt


def service_of(kit: Kit, database: Database, sequencer: Any) -> tuple[TransferService, Saga]:
    ledger = Ledger(kit)
    saga = Saga(database, ledger, sequencer, kit.clock)
    return TransferService(database, ledger, saga, kit.clock, kit.ids), saga


async def balance(kit: Kit, kind: AccountKind, owner: str) -> int:
    async with kit.database.session() as session:
        account = Account(kind, owner, "USD")
        return (await Ledger(kit).service(session).balance(account)).amount_minor


async def fill_wallet(kit: Kit, amount: int) -> None:
    async with kit.database.session() as session:
        await (
            Ledger(kit)
            .service(session)
            .top_up(USER, Money(amount, "USD"), client_id="start", source="demo")
        )


async def exchange_total(kit: Kit) -> int:
    total = await kit.database.pool.fetchval(
        "SELECT coalesce(sum(balance_minor), 0) FROM ledger_balances b"
        " JOIN ledger_accounts a ON a.id = b.account_id WHERE a.kind = 'exchange'"
    )
    return int(total)


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("cash", [500, 5])
async def test_cut_at_every_commit_the_money_arrives_once_or_stays(
    kit: Kit, direction: Direction, cash: int
):
    """cash 5: what is asked for is more than the portfolio has; on the way out, a refusal."""
    async with leading_sequencer(kit) as sequencer:
        await sequencer.submit(wish_of(OpenPortfolio(0, 0, 1, 1)))
        await fill_wallet(kit, 10_000)
        whole, _ = service_of(kit, kit.database, sequencer)
        await whole.ask(OWNED, Direction.IN, cash, "opening-cash")
        for cut_at in range(1, 40):
            scissors = Scissors(cut_at)
            cut, _ = service_of(
                kit, CutDatabase(kit.database, scissors), CutSequencer(sequencer, scissors)
            )
            before = sequencer.engine.venue.portfolios[1].cash
            key = f"cut-{direction}-{cut_at}"
            was_cut = False
            try:
                await cut.ask(OWNED, direction, 100, key)
            except CutError:
                was_cut = True
            # Another process takes it up; then the user, who heard nothing, asks again.
            _, saga = service_of(kit, kit.database, sequencer)
            await saga.resume()
            row = await whole.ask(OWNED, direction, 100, key)
            venue = sequencer.engine.venue
            assert not venue.withdrawals
            moved = 0 if row.state == State.REFUSED else 100
            after = before + (moved if direction == Direction.IN else -moved)
            assert venue.portfolios[1].cash == after
            assert row.state == (State.DONE if moved else State.REFUSED)
            wallet = await balance(kit, AccountKind.WALLET, str(USER))
            assert wallet + after == 10_000
            assert await exchange_total(kit) == after == venue.external_cash
            if not was_cut:
                break
            if direction == Direction.OUT and moved:
                await whole.ask(OWNED, Direction.IN, 100, f"back-{cut_at}")
        assert cut_at > 5, "nothing was cut"
        assert not was_cut


async def test_a_deposit_that_the_venue_refuses_comes_back_to_the_wallet(kit: Kit):
    async with leading_sequencer(kit) as sequencer:
        await fill_wallet(kit, 1_000)
        transfers, _ = service_of(kit, kit.database, sequencer)
        row = await transfers.ask(OWNED, Direction.IN, 100, None)  # the portfolio is not open
        assert row.state == State.RETURNED
        assert "not open" in row.problem
        assert await balance(kit, AccountKind.WALLET, str(USER)) == 1_000
        assert await exchange_total(kit) == 0


async def test_another_leader_goes_on_with_what_one_began(kit: Kit):
    async with leading_sequencer(kit) as first:
        await first.submit(wish_of(OpenPortfolio(0, 0, 1, 1)))
        await fill_wallet(kit, 1_000)
    transfers, _ = service_of(kit, kit.database, first)

    async def no_wait(_seconds: float) -> None:
        """The clock is not what this is about."""

    transfers._sleep = no_wait
    waiting = await transfers.ask(OWNED, Direction.IN, 100, "key-of-mine")
    assert waiting.state == State.TAKEN, "nobody leads, so it waits"
    with pytest.raises(ExchangeUnavailable):
        await service_of(kit, kit.database, first)[1].finish(waiting.id or 0)
    async with leading_sequencer(kit) as second:
        _, saga = service_of(kit, kit.database, second)
        await saga.resume()
        assert second.engine.venue.portfolios[1].cash == 100
    row = await transfers.ask(OWNED, Direction.IN, 100, "key-of-mine")
    assert row.state == State.DONE


async def test_many_at_once_move_each_its_own(kit: Kit):
    async with leading_sequencer(kit) as sequencer:
        await sequencer.submit(wish_of(OpenPortfolio(0, 0, 1, 1)))
        await fill_wallet(kit, 1_000)
        transfers, saga = service_of(kit, kit.database, sequencer)
        asked: list[Awaitable[Any]] = [
            transfers.ask(OWNED, Direction.IN, 50, f"key-{n % 10}-of-twenty") for n in range(20)
        ]
        rows = await asyncio.gather(*asked, saga.resume(), saga.resume())
        assert {row.state for row in rows[:20]} == {State.DONE}
        assert sequencer.engine.venue.portfolios[1].cash == 500
        assert await balance(kit, AccountKind.WALLET, str(USER)) == 500


@pytest.fixture
async def app(kit: Kit) -> AsyncIterator[VenueApp]:
    async with venue_app(kit) as made:
        yield made


Open = Callable[[], Awaitable[tuple[str, int, dict[str, str]]]]


@pytest.fixture
def trader(app: VenueApp) -> Open:
    async def make() -> tuple[str, int, dict[str, str]]:
        headers = await app.sign_in("ada@example.org", Role.TRADER)
        answer = await app.client.post("/api/v1/portfolios", json={"name": "main"}, headers=headers)
        assert answer.status_code == 201, answer.text
        number = portfolio_id_of(UUID(answer.json()["id"]))
        assert number is not None
        admin = await app.sign_in("root@example.org", Role.ADMIN)
        me = (await app.client.get("/api/v1/users/me", headers=headers)).json()
        credit = {"amount_minor": 1_000, "currency": "USD", "reason": "for the test"}
        await app.client.post(f"/api/v1/users/{me['id']}/credits", json=credit, headers=admin)
        return answer.json()["id"], number, headers

    return make


async def test_over_http_there_and_back(app: VenueApp, trader: Open):
    public, number, headers = await trader()
    url = f"/api/v1/portfolios/{public}/transfers"
    key = headers | {"Idempotency-Key": "once-and-no-more"}
    body = {"direction": "in", "amount_minor": 700}
    answers = [await app.client.post(url, json=body, headers=key) for _ in range(2)]
    assert [one.status_code for one in answers] == [201, 201], answers[0].text
    assert answers[0].json() == answers[1].json()
    assert answers[0].json()["state"] == "done"
    wallet = (await app.client.get("/api/v1/wallet", headers=headers)).json()
    assert [one["available_minor"] for one in wallet] == [300]
    body = {"direction": "out", "amount_minor": 200}
    out = (await app.client.post(url, json=body, headers=headers)).json()
    assert out["state"] == "done"
    listed = (await app.client.get(url, headers=headers)).json()["items"]
    assert [one["id"] for one in listed] == [out["id"], answers[0].json()["id"]]
    one = (await app.client.get(f"{url}/{out['id']}", headers=headers)).json()
    assert one == out
    cash = await app.kit.database.pool.fetchval(
        "SELECT cash FROM portfolio_balances WHERE portfolio_id = $1", number
    )
    assert cash == 500
    await app.submit(Deposit(0, 0, number, 1))
    lines = (await app.client.get("/api/v1/wallet/statement", headers=headers)).json()["items"]
    assert {one["kind"] for one in lines} == {"top_up", "to_portfolio", "from_portfolio"}


async def test_over_http_refusals_say_why(app: VenueApp, trader: Open):
    public, _, headers = await trader()
    url = f"/api/v1/portfolios/{public}/transfers"

    async def refused(body: dict[str, object], **more: str) -> tuple[int, str]:
        answer = await app.client.post(url, json=body, headers=headers | more)
        return answer.status_code, answer.json()["code"]

    too_much = {"direction": "in", "amount_minor": 1_001}
    assert await refused(too_much) == (402, "insufficient_funds")
    out = {"direction": "out", "amount_minor": 1}
    assert await refused(out) == (409, "transfer_refused")
    fine = {"direction": "in", "amount_minor": 10}
    key = {"Idempotency-Key": "one-key-two-wishes"}
    assert (await app.client.post(url, json=fine, headers=headers | key)).status_code == 201
    assert await refused(out, **key) == (409, "idempotency_key_reused")
    for amount in (0, -1, 10**13, 1.5, None):
        status, _ = await refused({"direction": "in", "amount_minor": amount})
        assert status == 400
    assert (await refused({"direction": "up", "amount_minor": 1}))[0] == 400
    eve = await app.sign_in("eve@example.org", Role.TRADER)
    answer = await app.client.post(url, json=fine, headers=eve)
    assert (answer.status_code, answer.json()["code"]) == (404, "portfolio_not_found")
    for number in (99, 1 << 62):
        missing = await app.client.get(f"{url}/{number}", headers=headers)
        assert (missing.status_code, missing.json()["code"]) == (404, "transfer_not_found")
