"""Markets as tests of simulated traders like to see them."""

from simulators.market.view import View

CENT = 100


def seen(**changes) -> View:
    facts = {
        "at_ms": 1_000,
        "reference_ticks": 1_000_000,
        "bid_ticks": 0,
        "ask_ticks": 0,
        "last_ticks": 1_000_000,
        "step_ticks": CENT,
        "position_units": 5_000,
    }
    return View(**(facts | changes))
