"""The operators' commands about events and money."""

import msgspec

from cloud import by_hand
from cloud.events.event import Event
from cloud.kit.money import Money
from cloud.ledger.wire import Ledger


async def test_a_dead_letter_is_listed_and_replayed_once(kit):
    letters = by_hand._letters(kit)
    letter = Event(
        id=kit.ids.new(),
        topic="parking",
        key="lot:elm",
        type="passage",
        at=kit.clock.now(),
        payload=msgspec.Raw(b'{"n":1}'),
    )
    await letters.keep("stays", letter, reason="LookupError: no lot", attempts=5)
    (shown,) = (await by_hand.dead_letters(kit.settings, "stays"))["waiting"]
    assert (shown["event_id"], shown["reason"]) == (str(letter.id), "LookupError: no lot")
    assert (await by_hand.dead_letters(kit.settings, "other"))["waiting"] == []
    assert await by_hand.replay_dead_letters(kit.settings, "stays") == {
        "group": "stays",
        "replayed": 1,
    }
    assert (await by_hand.replay_dead_letters(kit.settings, "stays"))["replayed"] == 0
    waiting = await kit.database.pool.fetchrow("SELECT * FROM outbox WHERE batch IS NULL")
    assert (waiting["event_id"], waiting["only_group"]) == (letter.id, "stays")


async def test_a_ledger_that_was_tampered_with_does_not_verify(kit):
    user = kit.ids.new()
    async with kit.database.session() as session:
        ledger = Ledger(kit).service(session)
        await ledger.top_up(user, Money(5, "EUR"), client_id="one", source="demo")
    found = await by_hand.verify_ledger(kit.settings)
    assert found == {"is_balanced": True, "transactions": 1, "unbalanced": [], "drifted": []}
    async with kit.database.pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")  # no triggers
        await connection.execute(
            "UPDATE ledger_postings SET amount_minor = 6 WHERE amount_minor = 5"
        )
    found = await by_hand.verify_ledger(kit.settings)
    assert not found["is_balanced"]
    assert (len(found["unbalanced"]), len(found["drifted"])) == (1, 1)
