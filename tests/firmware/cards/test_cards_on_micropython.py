"""The portable tests of this folder again, on the real MicroPython."""

import pytest

from tests.support.micropython import run_portable_tests

MODULES = ("classic", "counter", "crc_a", "iso14443a", "ntag", "read")


@pytest.mark.parametrize("name", MODULES)
def test_the_same_holds_on_micropython(name: str) -> None:
    run_portable_tests(f"tests.firmware.cards.test_{name}")
