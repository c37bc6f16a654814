"""Moving money on a real database: exactly once, never below zero, always balanced."""

import asyncio
import contextlib
import random

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud.kit.money import Money
from cloud.kit.paging import PageRequest
from cloud.ledger.errors import (
    AmountError,
    ClientIdReusedError,
    HoldMissingError,
    HoldSettledError,
    InsufficientFundsError,
)
from cloud.ledger.rules import Account, AccountKind, Posting, Split, Transaction
from tests.cloud.ledger.conftest import Books

WALLET, HOLD, DEBT = AccountKind.WALLET, AccountKind.HOLD, AccountKind.DEBT
REVENUE, REFUND = AccountKind.REVENUE, AccountKind.REFUND


def eur(amount_minor: int) -> Money:
    return Money(amount_minor, "EUR")


async def test_a_top_up_is_in_the_wallet_and_a_repetition_adds_nothing(books: Books):
    user = await books.user_with(0)
    ids = {
        await books.do(lambda b: b.top_up(user, eur(500), client_id=f"t:{user}", source="demo"))
        for _ in range(3)
    }
    assert len(ids) == 1
    assert await books.balance(WALLET, user) == 500
    await books.check()


async def test_the_same_id_for_another_amount_is_refused(books: Books):
    user = await books.user_with(0)
    await books.do(lambda b: b.top_up(user, eur(500), client_id=f"t:{user}", source="demo"))
    with pytest.raises(ClientIdReusedError):
        await books.do(lambda b: b.top_up(user, eur(501), client_id=f"t:{user}", source="demo"))


async def test_repetitions_at_the_same_time_post_once(books: Books):
    user = await books.user_with(0)
    await asyncio.gather(
        *(
            books.do(lambda b: b.top_up(user, eur(7), client_id=f"t:{user}", source="demo"))
            for _ in range(9)
        )
    )
    assert await books.balance(WALLET, user) == 7


async def test_a_charge_takes_from_the_wallet_and_gives_to_the_lot(books: Books):
    user = await books.user_with(500)
    lot = f"lot-{user}"
    split = await books.do(lambda b: b.charge(user, eur(200), lot=lot, client_id=f"c:{user}"))
    assert split == Split(200, 0)
    assert (await books.balance(WALLET, user), await books.balance(REVENUE, lot)) == (300, 200)


async def test_a_wallet_cannot_go_below_zero(books: Books):
    user = await books.user_with(199)
    with pytest.raises(InsufficientFundsError):
        await books.do(lambda b: b.charge(user, eur(200), lot="elm", client_id=f"c:{user}"))
    assert await books.balance(WALLET, user) == 199
    # A refused charge has not used its id up.
    assert await books.do(
        lambda b: b.charge(user, eur(199), lot="elm", client_id=f"c:{user}")
    ) == Split(199, 0)


async def test_an_exit_takes_what_there_is_and_the_rest_is_owed_until_the_next_top_up(books: Books):
    user = await books.user_with(150)

    async def leave(ledger) -> Split:
        return await ledger.charge(
            user, eur(400), lot="elm", client_id=f"s:{user}", may_owe=True, kind="stay_charged"
        )

    assert await books.do(leave) == Split(150, 250)
    assert await books.do(leave) == Split(150, 250)
    assert (await books.balance(WALLET, user), await books.balance(DEBT, user)) == (0, -250)
    await books.do(lambda b: b.top_up(user, eur(200), client_id=f"t1:{user}", source="demo"))
    assert (await books.balance(WALLET, user), await books.balance(DEBT, user)) == (0, -50)
    await books.do(lambda b: b.top_up(user, eur(200), client_id=f"t2:{user}", source="demo"))
    assert (await books.balance(WALLET, user), await books.balance(DEBT, user)) == (150, 0)
    await books.check()


async def test_a_charge_may_leave_the_wallet_alone_and_an_unknown_driver_owes_the_lot(books: Books):
    user = await books.user_with(900)
    lot = f"lot-{user}"
    for payer, client_id in ((user, f"a:{user}"), (None, f"b:{user}")):
        split = await books.do(
            lambda b, payer=payer, client_id=client_id: b.charge(
                payer, eur(300), lot=lot, client_id=client_id, may_owe=True, use_wallet=False
            )
        )
        assert split == Split(0, 300)
    assert await books.balance(WALLET, user) == 900
    assert (await books.balance(DEBT, user), await books.balance(DEBT, lot)) == (-300, -300)
    assert await books.balance(REVENUE, lot) == 600


async def test_a_refund_lowers_the_debt_and_fills_the_wallet(books: Books):
    user = await books.user_with(100)
    lot = f"lot-{user}"
    await books.do(lambda b: b.charge(user, eur(160), lot=lot, client_id=f"c:{user}", may_owe=True))

    async def give_back(ledger) -> None:
        await ledger.refund(
            user, lot=lot, to_wallet=eur(40), from_debt=eur(60), client_id=f"r:{user}"
        )

    await books.do(give_back)
    await books.do(give_back)
    assert (await books.balance(WALLET, user), await books.balance(DEBT, user)) == (40, 0)
    assert (await books.balance(REVENUE, lot), await books.balance(REFUND, lot)) == (160, -100)
    with pytest.raises(AmountError, match="owes less"):
        await books.do(
            lambda b: b.refund(
                user, lot=lot, to_wallet=eur(0), from_debt=eur(1), client_id=f"r2:{user}"
            )
        )


async def test_a_hold_leaves_the_wallet_and_its_rest_comes_back(books: Books):
    user = await books.user_with(1000)
    lot, name = f"lot-{user}", f"booking:{user}"
    for _ in range(2):
        await books.do(lambda b: b.hold(user, eur(600), client_id=name))
    assert (await books.balance(WALLET, user), await books.balance(HOLD, user)) == (400, 600)
    for _ in range(2):
        await books.do(lambda b: b.capture(name, eur(450), lot=lot))
    assert (await books.balance(WALLET, user), await books.balance(HOLD, user)) == (550, 0)
    assert await books.balance(REVENUE, lot) == 450
    with pytest.raises(HoldSettledError):
        await books.do(lambda b: b.release(name))
    await books.check()


async def test_a_released_hold_goes_back_whole(books: Books):
    user = await books.user_with(1000)
    name = f"booking:{user}"
    await books.do(lambda b: b.hold(user, eur(1000), client_id=name))
    await books.do(lambda b: b.release(name))
    assert (await books.balance(WALLET, user), await books.balance(HOLD, user)) == (1000, 0)


async def test_what_cannot_be_held_or_captured_is_refused(books: Books):
    user = await books.user_with(100)
    name = f"booking:{user}"
    with pytest.raises(InsufficientFundsError):
        await books.do(lambda b: b.hold(user, eur(101), client_id=name))
    with pytest.raises(AmountError):
        await books.do(lambda b: b.hold(user, eur(0), client_id=name))
    with pytest.raises(HoldMissingError):
        await books.do(lambda b: b.capture(name, eur(1), lot="elm"))
    await books.do(lambda b: b.hold(user, eur(50), client_id=name))
    with pytest.raises(AmountError):
        await books.do(lambda b: b.capture(name, eur(51), lot="elm"))
    with pytest.raises(AmountError):
        await books.do(lambda b: b.capture(name, Money(50, "USD"), lot="elm"))


async def test_a_statement_tells_everything_that_happened_newest_first(books: Books):
    user = await books.user_with(1000)
    name = f"booking:{user}"
    await books.do(lambda b: b.hold(user, eur(600), client_id=name, reference="booking:7"))
    await books.do(lambda b: b.capture(name, eur(450), lot="elm"))
    await books.do(
        lambda b: b.charge(user, eur(700), lot="elm", client_id=f"c:{user}", may_owe=True)
    )
    first = await books.read(lambda s: s.statement(user, PageRequest(limit=3)))
    rest = await books.read(lambda s: s.statement(user, PageRequest(3, first.next_cursor)))
    told = [
        (x.kind, x.available_minor, x.held_minor, x.owed_minor, x.available_after_minor)
        for x in (*first.items, *rest.items)
    ]
    assert told == [
        ("charge", -550, 0, 150, 0),
        ("capture", 150, -600, 0, 550),
        ("hold", -600, 600, 0, 400),
        ("top_up", 1000, 0, 0, 1000),
    ]
    assert rest.next_cursor is None
    (wallet,) = await books.read(lambda s: s.wallets(user))
    assert (wallet.available_minor, wallet.held_minor, wallet.owed_minor) == (0, 0, 150)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_postings SET amount_minor = amount_minor + 1",
        "DELETE FROM ledger_postings",
        "TRUNCATE ledger_postings CASCADE",
        "UPDATE ledger_transactions SET kind = 'gift'",
        "DELETE FROM ledger_transactions",
        "UPDATE ledger_balances SET balance_minor = balance_minor + 1",
        "DELETE FROM ledger_balances",
        "UPDATE ledger_accounts SET owner = 'me'",
    ],
)
async def test_the_database_itself_refuses_to_edit(books: Books, statement: str):
    await books.user_with(5)
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await books.database.pool.execute(statement)
    await books.check()


async def test_the_database_itself_refuses_a_posting_that_does_not_sum_to_zero(books: Books):
    user = await books.user_with(5)
    more = """
        INSERT INTO ledger_postings (transaction_id, account_id, part, currency, amount_minor)
        SELECT transaction_id, account_id, part, currency, 1 FROM ledger_postings
        WHERE account_id = (
            SELECT id FROM ledger_accounts WHERE owner = $1 AND kind = 'wallet')
    """
    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="sum to zero"):
        await books.database.pool.execute(more, str(user))
    alone = """
        INSERT INTO ledger_transactions VALUES
        (gen_random_uuid(), gen_random_uuid()::text, '', 'empty', '', '', now())
    """
    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="has 0 postings"):
        await books.database.pool.execute(alone)
    await books.check()


async def test_the_database_itself_keeps_a_wallet_above_zero(books: Books):
    user = await books.user_with(5)
    overdraw = """
        INSERT INTO ledger_postings (transaction_id, account_id, part, currency, amount_minor)
        SELECT p.transaction_id, a.id, 0, a.currency, -6 FROM ledger_accounts a
        JOIN ledger_postings p ON p.account_id = a.id WHERE a.owner = $1 AND a.kind = 'wallet'
    """
    with pytest.raises(asyncpg.CheckViolationError, match="floor"):
        await books.database.pool.execute(overdraw, str(user))


wish = st.tuples(
    st.sampled_from(["top_up", "charge", "owe", "hold", "transfer"]),
    st.integers(0, 3),
    st.integers(0, 3),
    st.integers(1, 400),
)


@given(wishes=st.lists(wish, min_size=4, max_size=24), seed=st.integers(0, 2**32))
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_random_movements_at_the_same_time_balance_and_repetitions_move_nothing(
    books: Books, wishes, seed
):
    """Every wish is sent twice, all at once, in a random order: the books stay right."""
    run = books.ids.new()
    users = [await books.user_with(300) for _ in range(4)]

    async def fulfil(number, what, who, other, amount) -> None:
        name, user, money = f"{run}:{number}", users[who], eur(amount)

        async def step(ledger) -> None:
            match what:
                case "top_up":
                    await ledger.top_up(user, money, client_id=name, source="demo")
                case "charge" | "owe":
                    await ledger.charge(
                        user, money, lot="elm", client_id=name, may_owe=what == "owe"
                    )
                case "hold":
                    await ledger.hold(user, money, client_id=name)
                    await ledger.capture(name, eur(amount // 2), lot="elm")
                case "transfer" if who != other:
                    a, b = (Account(WALLET, str(users[n]), "EUR") for n in (who, other))
                    postings = (Posting(a, -amount), Posting(b, amount))
                    await ledger.post(Transaction(name, "transfer", postings))

        with contextlib.suppress(InsufficientFundsError):
            await books.do(step)

    jobs = [(number, *w) for number, w in enumerate(wishes)] * 2
    random.Random(seed).shuffle(jobs)
    await asyncio.gather(*(fulfil(*job) for job in jobs))
    await books.check()
    for user in users:
        assert await books.balance(WALLET, user) >= 0
        assert await books.balance(HOLD, user) == 0
    twice = "SELECT count(*) FROM ledger_transactions GROUP BY client_id HAVING count(*) > 1"
    assert await books.database.pool.fetch(twice) == []
