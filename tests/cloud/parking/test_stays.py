"""Stays on a real database: the running slice, and everything that may come late or twice."""

from datetime import timedelta

from protocols.portable import codes
from tests.cloud.parking.conftest import LOT, World

MINUTE = timedelta(minutes=1)


async def test_a_known_card_walks_up_stays_and_pays_at_the_exit(world: World) -> None:
    driver = await world.driver(cents=5_000)
    start = world.clock.now()
    await world.take(*world.entry.lets_through(start, driver.uid, codes.WALK_UP))
    (stay,) = await world.rows("SELECT * FROM stays")
    assert (stay["state"], stay["user_id"], stay["basis"]) == ("open", driver.id, "walk_up")
    await world.take(*world.exit.lets_through(start + 100 * MINUTE, driver.uid, codes.EXIT_VALID))
    (stay,) = await world.rows("SELECT * FROM stays")
    # 100 minutes, 15 of them free: three begun half hours.
    assert (stay["state"], stay["fee_cents"], stay["paid_cents"]) == ("closed", 300, 300)
    (wallet,) = await world.rows(
        "SELECT sum(b.balance_minor) AS cents FROM ledger_balances b"
        " JOIN ledger_accounts a ON a.id = b.account_id WHERE a.kind = 'wallet'"
    )
    assert wallet["cents"] == 4_700
    (occupancy,) = await world.rows("SELECT * FROM lot_occupancy WHERE lot = $1", LOT)
    assert (occupancy["entries"], occupancy["exits"]) == (1, 1)
