"""The books replayed from records against the engine's own, over random days of a venue."""

import pytest

from cloud.exchange.statements.movements import CashMove, Split, Trade, UnitsMove
from tests.support.venue_history import movements_of, replayed
from trading import Engine, commands


@pytest.mark.parametrize("seed", range(8))
def test_replayed_books_are_the_engines_to_the_cent_and_the_unit(seed):
    engine, books, history = replayed(seed, 1_500)
    kinds = {type(movement) for _, movement in history}
    assert {Trade, CashMove, UnitsMove} <= kinds
    for owner, mine in books.items():
        portfolio, balance = engine.venue.portfolios[owner], mine.balance()
        assert balance.cash == portfolio.cash
        assert balance.fees == portfolio.fees
        assert balance.realised == portfolio.realised
        held = {holding.instrument_id: holding for holding in balance.holdings}
        for instrument_id, position in portfolio.positions.items():
            if instrument_id not in held:
                assert (position.units, position.realised) == (0, 0)
                continue
            holding = held[instrument_id]
            assert (holding.units, holding.cost) == (position.units, position.cost)
            assert holding.realised == position.realised
            assert holding.realised_fifo == position.realised_fifo
            assert [(lot.units, lot.cost) for lot in holding.lots] == position.lots()


def test_splits_and_short_positions_are_among_what_was_replayed():
    kinds, shorts = set(), 0
    for seed in range(8):
        engine, _, history = replayed(seed, 1_500)
        kinds |= {type(movement) for _, movement in history}
        shorts += sum(
            position.units < 0
            for portfolio in engine.venue.portfolios.values()
            for position in portfolio.positions.values()
        )
    assert Split in kinds
    assert shorts > 0


def test_a_command_that_was_refused_moves_nothing():
    engine = Engine()
    found = engine.apply(commands.Deposit(1, 1, 99, 100))
    assert list(movements_of(commands.Deposit(1, 1, 99, 100), found, (99,))) == []
