"""The cloud's orders are obeyed once, in time, and by a site that knows what time it is."""

import pytest

from edge_agent.orders import CLOCK_SLACK_MS, OrderDesk, Refusal
from protocols import sealed
from protocols.portable import codes, macs
from protocols.site import CommandBody
from tests.edge_agent.stand import SITE, SITE_KEY

GATES = frozenset({"elm-in-1"})


@pytest.fixture
def desk(store, clock) -> OrderDesk:
    return OrderDesk(store, clock, site=SITE, site_key=SITE_KEY)


def order(now_ms, *, device="elm-in-1", op=codes.OP_OPEN, age_ms=0, lives_ms=8000, counter=None):
    return CommandBody(
        id="o", device=device, op=op, issued_at_ms=now_ms - age_ms,
        expires_at_ms=now_ms - age_ms + lives_ms, counter=counter or now_ms,
    )  # fmt: skip


async def outcome(desk, body) -> str:
    found = await desk.accept(sealed.seal(SITE_KEY, macs.COMMAND, body), GATES)
    return found.code if isinstance(found, Refusal) else codes.DONE


async def test_an_order_is_obeyed_once(desk, hand_clock):
    now_ms = hand_clock.now_ms()
    assert await outcome(desk, order(now_ms, counter=5)) == codes.DONE
    assert await outcome(desk, order(now_ms, counter=5)) == codes.REFUSED_REPLAY
    assert await outcome(desk, order(now_ms, counter=4)) == codes.REFUSED_REPLAY
    assert await outcome(desk, order(now_ms, counter=6)) == codes.DONE


async def test_the_counter_is_on_the_disk_before_the_order_is_obeyed(
    desk, store, clock, hand_clock
):
    assert await outcome(desk, order(hand_clock.now_ms(), counter=5)) == codes.DONE
    again = OrderDesk(store, clock, site=SITE, site_key=SITE_KEY)
    assert await outcome(again, order(hand_clock.now_ms(), counter=5)) == codes.REFUSED_REPLAY


async def test_each_device_has_its_own_counter(desk, hand_clock):
    now_ms = hand_clock.now_ms()
    assert await outcome(desk, order(now_ms, counter=5)) == codes.DONE
    own = order(now_ms, device=f"site-{SITE}", op=codes.OP_TIME, counter=3)
    assert await outcome(desk, own) == codes.DONE


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"age_ms": 8000}, codes.REFUSED_EXPIRED),
        ({"age_ms": 7999}, codes.DONE),
        ({"age_ms": -CLOCK_SLACK_MS}, codes.DONE),
        ({"age_ms": -CLOCK_SLACK_MS - 1}, codes.REFUSED_EXPIRED),
        ({"lives_ms": 10_000}, codes.DONE),
        ({"lives_ms": 10_001}, codes.REFUSED_MALFORMED),
        ({"lives_ms": 60_000, "op": codes.OP_REBOOT}, codes.DONE),
        ({"op": codes.OP_ANSWER}, codes.REFUSED_OP),
        ({"op": codes.OP_TIME}, codes.REFUSED_OP),
        ({"op": codes.OP_OPEN, "device": f"site-{SITE}"}, codes.REFUSED_OP),
        ({"device": "oak-in-1"}, codes.REFUSED_DEVICE),
    ],
)
async def test_an_order_is_for_one_of_the_sites_devices_and_for_now(
    desk, hand_clock, changes, code
):
    assert await outcome(desk, order(hand_clock.now_ms(), **changes)) == code


async def test_a_refused_order_does_not_use_up_its_counter(desk, hand_clock):
    late = order(hand_clock.now_ms(), age_ms=9000, counter=5)
    assert await outcome(desk, late) == codes.REFUSED_EXPIRED
    assert await outcome(desk, order(hand_clock.now_ms(), counter=5)) == codes.DONE


async def test_without_a_clock_only_a_signed_time_is_obeyed(desk, clock, hand_clock):
    clock.note_signed(hand_clock.now_ms() + 3_600_000)
    now_ms = hand_clock.now_ms()
    assert await outcome(desk, order(now_ms)) == codes.REFUSED_CLOCK
    own = order(now_ms, device=f"site-{SITE}", op=codes.OP_TIME)
    assert await outcome(desk, own) == codes.DONE
