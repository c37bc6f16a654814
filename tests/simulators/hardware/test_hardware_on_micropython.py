"""The portable tests of this folder again, on the real MicroPython."""

import pytest

from tests.support.micropython import run_portable_tests

MODULES = ("mfrc522_model", "spi", "tags")


@pytest.mark.parametrize("name", MODULES)
def test_the_same_holds_on_micropython(name: str) -> None:
    run_portable_tests(f"tests.simulators.hardware.test_{name}")
