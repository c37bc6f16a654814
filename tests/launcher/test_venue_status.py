"""`curb status` reads the venue from the cloud's metrics, and says so when there is nothing."""

from launcher.venue_status import (
    figures_in,
    read_surveillance,
    read_venue,
    surveillance_line,
    venue_line,
)

METRICS = """# HELP curb_exchange_leading Whether this process runs the exchange.
# TYPE curb_exchange_leading gauge
curb_exchange_leading 1.0
curb_exchange_instruments 5.0
curb_exchange_orders_total 1200.0
curb_exchange_odd{label="x"} 3.0
curb_http_request_seconds_count 7.0
"""


def test_only_the_exchange_s_plain_figures_are_read():
    assert figures_in(METRICS) == {"leading": 1.0, "instruments": 5.0, "orders_total": 1200.0}


def test_nobody_there_is_said():
    assert read_venue("http://127.0.0.1:1", lambda _: None) is None
    assert "does not answer" in venue_line(None)


def test_a_leader_and_a_standby_are_told_apart():
    venue = {"leads": True, "instruments": 5, "orders": 9, "trades": 4}
    line = venue_line(venue | {"orders_per_s": 31.25, "trades_per_s": 2.0})
    assert "5 instruments; 31.2 orders/s and 2.0 trades/s" in line
    assert "stands by" in venue_line({"leads": False})


def test_what_surveillance_does_is_said():
    assert read_surveillance("http://127.0.0.1:1") is None
    assert "does not answer" in surveillance_line(None)
    watcher = {"watches": True, "behind_commands": 0, "behind_s": 0.0}
    assert "seen everything" in surveillance_line(watcher)
    behind = surveillance_line(watcher | {"behind_commands": 70, "behind_s": 2.5})
    assert "70 commands behind the venue (2.5 s)" in behind
    assert "stands by" in surveillance_line({"watches": False})
