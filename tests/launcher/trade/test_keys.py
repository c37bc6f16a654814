"""Keys are keys, whatever bytes a terminal makes of them."""

import pytest

from launcher.trade.keys import keys_in


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("b", ["b"]),
        ("\x1b[A\x1b[B", ["up", "down"]),
        ("\x1bOA", ["up"]),
        ("\x1b[C\x1b[3~\x1b[1;5D", []),
        ("\x1b", []),
        ("+\x1b[Aq", ["+", "up", "q"]),
        ("\x03", ["\x03"]),
        ("", []),
    ],
)
def test_arrows_have_names_and_other_sequences_type_nothing(sent, meant):
    assert keys_in(sent) == meant
