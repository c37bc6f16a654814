"""Stays on a real database: the running slice, and everything that may come late or twice."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from cloud.accounts.user import Role, User
from cloud.kit.clock import to_ms
from cloud.kit.errors import AppError
from cloud.kit.paging import PageRequest
from cloud.parking.live import LaneNotice
from cloud.parking.lots.schemas import OccupancyCount
from cloud.parking.stays.schemas import StayClose
from cloud.parking.tags.rules import TagState
from cloud.parking.tags.schemas import TagStateChange
from protocols.portable import codes
from tests.cloud.parking.conftest import LOT, Gate, World

MINUTE = timedelta(minutes=1)


async def stay_of(world: World) -> dict[str, Any]:
    (stay,) = await world.rows("SELECT * FROM stays")
    return stay


async def exceptions(world: World) -> set[tuple[str, str]]:
    rows = await world.rows("SELECT kind, state FROM parking_exceptions")
    return {(row["kind"], row["state"]) for row in rows}


async def balance(world: World, kind: str) -> int:
    (row,) = await world.rows(
        "SELECT coalesce(sum(b.balance_minor), 0)::bigint AS cents FROM ledger_balances b"
        " JOIN ledger_accounts a ON a.id = b.account_id WHERE a.kind = $1",
        kind,
    )
    cents: int = row["cents"]
    return cents


async def inside(world: World) -> int:
    async with world.kit.database.session() as session:
        return (await world.parking.occupancy(session).read(LOT)).inside


async def test_a_known_card_walks_up_stays_and_pays_at_the_exit(world: World) -> None:
    driver, start = await world.driver(cents=5_000), world.clock.now()
    await world.take(*world.entry.lets_through(start, driver.uid, codes.WALK_UP))
    stay = await stay_of(world)
    assert (stay["state"], stay["user_id"], stay["basis"]) == ("open", driver.id, "walk_up")
    assert await inside(world) == 1
    await world.take(*world.exit.lets_through(start + 100 * MINUTE, driver.uid, codes.EXIT_VALID))
    stay = await stay_of(world)
    # 100 minutes, 15 of them free: three begun half hours.
    assert (stay["state"], stay["fee_cents"], stay["paid_cents"]) == ("closed", 300, 300)
    assert await balance(world, "wallet") == 4_700
    assert await balance(world, "revenue") == 300
    assert await inside(world) == 0
    assert await exceptions(world) == set()


async def test_a_grant_that_no_car_uses_opens_no_stay(world: World) -> None:
    driver, start = await world.driver(), world.clock.now()
    grant = world.entry.decides(start, codes.WALK_UP, uid=driver.uid)
    await world.take(grant, world.entry.event(codes.BACKED_OUT, start, tap=world.entry.tap))
    assert await world.rows("SELECT 1 FROM stays") == []
    assert await inside(world) == 0


async def test_a_refusal_is_in_the_log_with_its_sentence_and_opens_nothing(world: World) -> None:
    driver, start = await world.driver(), world.clock.now()
    await world.take(world.entry.decides(start, codes.LOT_FULL, uid=driver.uid))
    async with world.kit.database.session() as session:
        page = await world.parking.access(session).list_mine(driver.id, PageRequest())
    (entry,) = page.items
    assert (entry.reason, entry.is_admitted) == (codes.LOT_FULL, False)
    assert entry.sentence == "Sorry, the car park is full."
    assert await world.rows("SELECT 1 FROM stays") == []


async def test_an_event_delivered_twice_counts_once(world: World) -> None:
    driver, start = await world.driver(cents=5_000), world.clock.now()
    events = [
        *world.entry.lets_through(start, driver.uid, codes.WALK_UP),
        *world.exit.lets_through(start + 100 * MINUTE, driver.uid, codes.EXIT_VALID),
    ]
    await world.take(*events, *events)
    assert (await stay_of(world))["paid_cents"] == 300
    assert await balance(world, "wallet") == 4_700
    assert await inside(world) == 0


async def test_an_exit_heard_before_its_entry_is_odd_until_the_entry_comes(world: World) -> None:
    driver, start = await world.driver(cents=5_000), world.clock.now()
    entering = world.entry.lets_through(start, driver.uid, codes.WALK_UP)
    await world.take(*world.exit.lets_through(start + 100 * MINUTE, driver.uid, codes.EXIT_VALID))
    assert await exceptions(world) == {("exit_without_entry", "open")}
    await world.take(*entering)
    stay = await stay_of(world)
    assert (stay["state"], stay["fee_cents"], stay["paid_cents"]) == ("closed", 300, 300)
    assert await exceptions(world) == {("exit_without_entry", "withdrawn")}


async def test_a_passage_heard_before_its_decision_becomes_a_stay_when_that_comes(
    world: World,
) -> None:
    driver, start = await world.driver(), world.clock.now()
    grant, passage = world.entry.lets_through(start, driver.uid, codes.WALK_UP)
    await world.take(passage)
    assert await exceptions(world) == {("passage_without_card", "open")}
    await world.take(grant)
    assert (await stay_of(world))["user_id"] == driver.id
    assert await exceptions(world) == {("passage_without_card", "withdrawn")}
    assert await inside(world) == 1


async def test_a_late_passage_corrects_the_fee_of_its_neighbour(world: World) -> None:
    """Entry, exit and entry, exit; the two in the middle are heard last."""
    driver, start = await world.driver(cents=5_000), world.clock.now()
    first = world.entry.lets_through(start, driver.uid, codes.WALK_UP)
    early_exit = world.exit.lets_through(start + 40 * MINUTE, driver.uid, codes.EXIT_VALID)
    second = world.entry.lets_through(start + 60 * MINUTE, driver.uid, codes.WALK_UP)
    last_exit = world.exit.lets_through(start + 130 * MINUTE, driver.uid, codes.EXIT_VALID)
    await world.take(*first, *last_exit)
    assert await balance(world, "wallet") == 5_000 - 400
    await world.take(*early_exit)
    # Now the first stay took 40 minutes, and the last exit belongs to nothing known.
    assert await balance(world, "wallet") == 5_000 - 100
    assert ("exit_without_entry", "open") in await exceptions(world)
    await world.take(*second)
    assert await balance(world, "wallet") == 5_000 - 100 - 200
    fees = await world.rows("SELECT fee_cents, paid_cents FROM stays ORDER BY entry_at")
    assert fees == [
        {"fee_cents": 100, "paid_cents": 100},
        {"fee_cents": 200, "paid_cents": 200},
    ]
    assert ("exit_without_entry", "open") not in await exceptions(world)


async def test_what_the_wallet_has_not_got_becomes_a_debt(world: World) -> None:
    driver, start = await world.driver(cents=120), world.clock.now()
    await world.take(*world.entry.lets_through(start, driver.uid, codes.WALK_UP))
    await world.take(*world.exit.lets_through(start + 100 * MINUTE, driver.uid, codes.EXIT_VALID))
    stay = await stay_of(world)
    assert (stay["fee_cents"], stay["paid_cents"], stay["owed_cents"]) == (300, 120, 180)
    assert await balance(world, "wallet") == 0
    assert await balance(world, "debt") == -180
    assert ("stay_owes", "open") in await exceptions(world)


async def test_a_card_blocked_meanwhile_leaves_with_a_debt_and_an_untouched_wallet(
    world: World,
) -> None:
    driver, start = await world.driver(cents=5_000), world.clock.now()
    await world.take(*world.entry.lets_through(start, driver.uid, codes.WALK_UP))
    async with world.kit.database.session() as session:
        block = TagStateChange(TagState.BLOCKED, "stolen")
        await world.parking.tags(session).change_state(world.operator, driver.tag.id, block)
    await world.take(*world.exit.lets_through(start + 100 * MINUTE, driver.uid, codes.EXIT_DEBT))
    stay = await stay_of(world)
    assert (stay["paid_cents"], stay["owed_cents"]) == (0, 300)
    assert await balance(world, "wallet") == 5_000


async def test_a_card_nobody_owns_owes_to_the_lot(world: World) -> None:
    start = world.clock.now()
    await world.take(*world.entry.lets_through(start, "0badc0de", codes.POLICY_OPEN))
    await world.take(*world.exit.lets_through(start + 100 * MINUTE, "0badc0de", codes.EXIT_DEBT))
    stay = await stay_of(world)
    assert (stay["user_id"], stay["owed_cents"]) == (None, 300)
    assert await balance(world, "debt") == -300


async def test_a_card_that_enters_twice_leaves_an_abandoned_stay_behind(world: World) -> None:
    driver, start = await world.driver(cents=5_000), world.clock.now()
    await world.take(*world.entry.lets_through(start, driver.uid, codes.WALK_UP))
    again = start + 30 * MINUTE
    await world.take(*world.entry.lets_through(again, driver.uid, codes.PASSBACK_REPORTED))
    await world.take(*world.exit.lets_through(again + 20 * MINUTE, driver.uid, codes.EXIT_VALID))
    states = await world.rows("SELECT state, fee_cents FROM stays ORDER BY entry_at")
    assert states == [
        {"state": "abandoned", "fee_cents": 0},
        {"state": "closed", "fee_cents": 100},
    ]
    assert await exceptions(world) == {("entry_without_exit", "open")}


async def test_a_tailgater_is_counted_in_and_reported(world: World) -> None:
    driver, start = await world.driver(), world.clock.now()
    entering = world.entry.lets_through(start, driver.uid, codes.WALK_UP)
    tail = world.entry.event(codes.TAILGATED, start + MINUTE, tap=world.entry.tap)
    await world.take(*entering, tail)
    assert await inside(world) == 2
    assert await exceptions(world) == {("tailgated", "open")}
    assert len(await world.rows("SELECT 1 FROM stays")) == 1


async def test_a_car_let_in_remotely_is_counted_and_reported(world: World) -> None:
    start = world.clock.now()
    await world.take(
        world.entry.event(codes.OPENED, start, command="c1"),
        world.entry.event(codes.PASSAGE, start + MINUTE, command="c1"),
    )
    assert await inside(world) == 1
    assert await exceptions(world) == {("passage_without_card", "open")}


async def test_a_lot_that_fills_up_says_so_to_its_lanes_and_opens_again(world: World) -> None:
    async def lanes_state() -> int:
        async with world.kit.database.session() as session:
            picture = await world.devices.desired.picture(session, "elm-street")
            assert picture is not None
            return picture.lots[0].state

    start = world.clock.now()
    async with world.kit.database.session() as session:
        count = OccupancyCount(19, "counted by hand")
        await world.parking.occupancy(session).correct(world.operator, LOT, count)
    assert await lanes_state() == codes.OPEN
    driver = await world.driver()
    await world.take(*world.entry.lets_through(start, driver.uid, codes.WALK_UP))
    assert await lanes_state() == codes.FULL
    await world.take(*world.exit.lets_through(start + MINUTE, driver.uid, codes.EXIT_VALID))
    assert await lanes_state() == codes.OPEN


async def test_an_operator_closes_the_stay_of_a_car_that_has_gone(world: World) -> None:
    driver, start = await world.driver(cents=5_000), world.clock.now()
    await world.take(*world.entry.lets_through(start, driver.uid, codes.WALK_UP))
    stay = await stay_of(world)
    world.clock.advance(600 * MINUTE)
    async with world.kit.database.session() as session:
        close = StayClose("seen leaving on camera", at=start + 100 * MINUTE)
        shown = await world.parking.stays(session).close(world.operator, stay["id"], close)
    assert (shown.state, shown.fee_cents, shown.paid_cents) == ("closed", 300, 300)
    assert await inside(world) == 0
    with pytest.raises(AppError, match="has ended"):
        async with world.kit.database.session() as session:
            await world.parking.stays(session).close(world.operator, stay["id"], close)


async def test_people_who_watch_hear_of_occupancy_passages_and_their_own_stays(
    world: World,
) -> None:
    driver, start = await world.driver(cents=5_000), world.clock.now()
    world.heard.notices.clear()
    await world.take(*world.entry.lets_through(start, driver.uid, codes.WALK_UP))
    told = [(room, event) for room, event, _ in world.heard.notices]
    assert told == [
        ("lot:elm", "access"),
        (f"user:{driver.id}", "stay"),
        ("lot:elm", "passage"),
        ("lot:elm", "occupancy"),
    ]


async def test_an_admission_of_a_revoked_card_is_reported_with_the_time(world: World) -> None:
    driver = await world.driver()
    world.clock.advance(MINUTE)
    async with world.kit.database.session() as session:
        block = TagStateChange(TagState.BLOCKED, "stolen")
        await world.parking.tags(session).change_state(world.operator, driver.tag.id, block)
    blocked_at = world.clock.now()
    # The site was offline and let it in an hour later, by a list from before.
    late = world.entry.lets_through(
        blocked_at + 60 * MINUTE, driver.uid, codes.WALK_UP, mode=codes.GATE_LIST
    )
    await world.take(*late)
    (disputed,) = await world.rows("SELECT * FROM parking_exceptions")
    assert disputed["kind"] == "decision_disputed"
    assert f"although the card was blocked at {blocked_at:%F %T} UTC" in disputed["detail"]
    (log,) = await world.rows("SELECT recheck, recheck_reason FROM access_logs")
    assert log == {"recheck": "disagrees", "recheck_reason": "blocked"}


async def test_a_stay_is_nobody_elses_to_see(world: World) -> None:
    driver, start = await world.driver(), world.clock.now()
    await world.take(*world.entry.lets_through(start, driver.uid, codes.WALK_UP))
    stay = await stay_of(world)
    other = User(world.kit.ids.new(), world.kit.ids.new(), frozenset({Role.DRIVER}))
    async with world.kit.database.session() as session:
        stays = world.parking.stays(session)
        assert (await stays.get(stay["id"], driver.id)).id == stay["id"]
        with pytest.raises(AppError, match="no such stay"):
            await stays.get(stay["id"], other.id)


async def test_a_copied_card_is_reported_with_both_taps(world: World) -> None:
    start = world.clock.now()
    agent = Gate("site-elm-street", codes.ENTRY)
    seen = {"gate": "elm-in-1", "boot": 1, "tap": 3, "counter": 8}
    earlier = seen | {"at_ms": to_ms(start), "counter": 9}
    copy = agent.event(
        codes.COPIED_CARD,
        start + MINUTE,
        tag="00112233445566",
        gate="elm-in-1",
        earlier=earlier,
        this=seen | {"at_ms": None},
    )
    await world.take(copy, copy)
    (oddity,) = await world.rows("SELECT kind, lot, detail FROM parking_exceptions")
    assert (oddity["kind"], oddity["lot"]) == ("copied_card", LOT)
    assert "with counter 9, then elm-in-1 at an unknown time with counter 8" in oddity["detail"]


async def test_lane_news_of_an_agent_is_told_in_its_lots_room(world: World) -> None:
    agent = Gate("site-elm-street", codes.ENTRY)
    world.heard.notices.clear()
    gone = agent.event(codes.GATE_OFFLINE, world.clock.now(), gate="elm-in-1")
    stranger = agent.event(codes.GATE_OFFLINE, world.clock.now(), gate="nobody-1")
    await world.take(gone, stranger)
    ((room, event, notice),) = world.heard.notices
    assert (room, event) == ("lot:elm", "lane")
    assert isinstance(notice, LaneNotice)
    assert (notice.gate, notice.kind) == ("elm-in-1", "gate_offline")


@pytest.mark.parametrize("off", [timedelta(days=3_000), timedelta(hours=1), -timedelta(days=500)])
async def test_a_time_that_cannot_be_right_is_replaced_by_when_it_was_heard_of(
    world: World, off: timedelta
) -> None:
    driver, start = await world.driver(cents=5_000), world.clock.now()
    await world.take(*world.entry.lets_through(start, driver.uid, codes.WALK_UP))
    leaving = [
        msgspec.structs.replace(event, at_ms=event.heard_ms + off // timedelta(milliseconds=1))
        for event in world.exit.lets_through(start + 100 * MINUTE, driver.uid, codes.EXIT_VALID)
    ]
    await world.take(*leaving)
    stay = await stay_of(world)
    assert (stay["state"], stay["fee_cents"]) == ("closed", 300)


async def test_a_stay_of_years_is_not_priced_but_looked_at(world: World) -> None:
    driver, start = await world.driver(cents=5_000), world.clock.now()
    await world.take(*world.entry.lets_through(start, driver.uid, codes.WALK_UP))
    late = start + timedelta(days=1_001)
    await world.take(*world.exit.lets_through(late, driver.uid, codes.EXIT_VALID))
    assert (await stay_of(world))["fee_cents"] == 0
    assert ("not_priced", "open") in await exceptions(world)
