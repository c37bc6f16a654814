"""What users of other venues complain about, each as a test that this one must pass."""

from tests.trading.venue_rig import BUY, RICH, Rig
from trading import commands
from trading.engine import Engine
from trading.events import OrderCancelled, OrderFilled, OrderReduced, OrderRested
from trading.orders import CANCEL_BOTH, CANCEL_NEWEST, CANCEL_OLDEST, DECREMENT, FOK
from trading.reasons import Reason


def test_a_restart_recovers_books_balances_and_the_place_in_the_queue():
    """exchange-core 118, viabtc 233: a restart loses state."""
    rig = Rig()
    first, second = rig.sell(1, 10, 105), rig.sell(2, 10, 105)
    rig.buy(3, 4, 105)
    again = Engine.restore(rig.engine.snapshot())
    assert again.state_hash() == rig.engine.state_hash()
    from_nothing = Engine()
    for command in rig.journal:
        from_nothing.apply(command)
    assert from_nothing.state_hash() == rig.engine.state_hash()
    rig.engine = again
    seen = len(rig.events)
    rig.buy(3, 10, 105)
    assert [fill[0] for fill in rig.fills(seen)] == [first, second]
    assert [fill[3] for fill in rig.fills(seen)] == [6, 4]


def test_a_cancel_is_done_or_refused_at_once_and_never_pending():
    rig = Rig()
    order = rig.buy(1, 10, 90)
    assert type(rig.do(commands.CancelOrder, order, 1)[0]) is OrderCancelled
    for number, reason in ((order, Reason.ORDER_IS_DONE), (999, Reason.UNKNOWN_ORDER)):
        assert rig.do(commands.CancelOrder, number, 1)[0].reason == reason
    other = rig.buy(1, 10, 90)
    assert rig.do(commands.CancelOrder, other, 2)[0].reason == Reason.ORDER_NOT_YOURS
    assert rig.live(other) is not None


def test_replacing_a_partly_filled_order_works_on_what_remains():
    rig = Rig()
    order = rig.buy(1, 10, 100)
    rig.sell(2, 4, 100)
    held = rig.portfolio(1).held_cash
    assert held == 6 * 100
    replaced = rig.do(commands.ReplaceOrder, order, 1, 12)[0]
    assert (replaced.quantity_units, replaced.remaining_units) == (12, 8)
    assert rig.portfolio(1).held_cash == 800
    for quantity in (4, 3):
        refused = rig.do(commands.ReplaceOrder, order, 1, quantity)[0]
        assert refused.reason == Reason.QUANTITY_ALREADY_FILLED
    rig.sell(2, 50, 100)
    assert rig.position(1).units == 10_000 + 12
    rig.check()


def test_a_fill_before_a_replace_cannot_enlarge_the_order():
    """The quantity is the whole order's: what was filled on the way counts."""
    rig = Rig()
    order = rig.buy(1, 10, 100)
    rig.sell(2, 9, 100)
    rig.do(commands.ReplaceOrder, order, 1, 10, 101)
    rig.sell(2, 50, 100)
    assert rig.position(1).units == 10_010


def test_less_quantity_keeps_the_place_and_anything_else_loses_it():
    rig = Rig()
    first, second = rig.sell(1, 10, 105), rig.sell(2, 10, 105)
    assert rig.do(commands.ReplaceOrder, first, 1, 5)[0].has_kept_priority
    rig.buy(3, 1, 105)
    assert rig.fills()[-1][0] == first
    assert not rig.do(commands.ReplaceOrder, first, 1, 9)[0].has_kept_priority
    rig.buy(3, 1, 105)
    assert rig.fills()[-1][0] == second


def test_funds_are_locked_in_the_same_step_that_checks_them():
    """Peatio 2399: checked at the API, locked later, spent twice between."""
    rig = Rig(cash=1_000, units=0)
    rig.buy(1, 10, 60)
    assert rig.refusal(1, BUY, 10, 60) == Reason.INSUFFICIENT_FUNDS
    rig.buy(1, 4, 100)
    assert rig.portfolio(1).available() == 0
    rig.check()


def test_an_own_order_out_of_reach_does_not_cancel_the_taker():
    """OrderBook-rs 222."""
    for mode in (CANCEL_NEWEST, CANCEL_OLDEST, CANCEL_BOTH, DECREMENT):
        rig = Rig()
        own = rig.sell(1, 10, 110)
        maker = rig.sell(2, 10, 105)
        taker = rig.buy(1, 10, 107, self_trade=mode)
        assert rig.fills() == [(maker, taker, 105, 10)]
        assert rig.live(own).remaining == 10


def test_nothing_of_the_taker_rests_after_self_trade_prevention_ended_it():
    """OrderBook-rs 138."""
    for mode in (CANCEL_NEWEST, CANCEL_BOTH):
        rig = Rig()
        own = rig.sell(1, 5, 100)
        taker = rig.buy(1, 20, 100, self_trade=mode)
        assert rig.live(taker) is None
        assert rig.depth()[0] == []
        assert (rig.live(own) is None) == (mode == CANCEL_BOTH)
        assert rig.portfolio(1).held_cash == 0
        rig.check()


def test_cancel_oldest_goes_on_and_decrement_takes_from_both():
    rig = Rig()
    rig.sell(1, 5, 100)
    rig.buy(1, 20, 100, self_trade=CANCEL_OLDEST)
    assert rig.depth() == ([(100, 20)], [])
    seen = len(rig.events)
    rig.sell(1, 8, 100, self_trade=DECREMENT)
    assert rig.depth() == ([(100, 12)], [])
    assert any(isinstance(event, OrderReduced) for event in rig.events[seen:])
    assert not rig.fills()
    rig.check()


def test_accounts_not_portfolios_are_the_same_self():
    rig = Rig()
    rig.do(commands.OpenPortfolio, 9, 1)
    rig.do(commands.Deposit, 9, RICH)
    rig.sell(1, 5, 100)
    rig.buy(9, 5, 100)
    assert not rig.fills()


def test_every_event_names_its_command_so_that_a_gap_can_be_seen():
    rig = Rig()
    rig.sell(1, 5, 100)
    rig.buy(2, 5, 100)
    assert all(event.sequence > 0 for event in rig.events)
    ids = [event.trade_id for event in rig.events if isinstance(event, OrderFilled)]
    assert ids == list(range(1, len(ids) + 1))


def test_fill_or_kill_counts_hidden_units_and_leaves_no_trace_otherwise():
    rig = Rig()
    rig.sell(1, 10, 100, display_units=2)
    rig.buy(2, 11, 100, tif=FOK)
    assert not rig.fills()
    rig.buy(2, 10, 100, tif=FOK)
    assert sum(fill[3] for fill in rig.fills()) == 10
    rig.check()


def test_an_iceberg_goes_to_the_back_of_the_queue_with_every_refill():
    rig = Rig()
    ice, other = rig.sell(1, 6, 100, display_units=2), rig.sell(2, 4, 100)
    rig.buy(3, 8, 100)
    assert [(fill[0], fill[3]) for fill in rig.fills()] == [(ice, 2), (other, 4), (ice, 2)]
    refills = [e for e in rig.events if isinstance(e, OrderRested) and e.order_id == ice]
    assert [event.remaining_units for event in refills] == [6, 4, 2]
    assert rig.depth() == ([], [(100, 2)])
