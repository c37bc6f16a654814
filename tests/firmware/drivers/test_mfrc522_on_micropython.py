"""The portable tests of the reader driver again, on the real MicroPython."""

from tests.support.micropython import run_portable_tests


def test_the_same_holds_on_micropython() -> None:
    run_portable_tests("tests.firmware.drivers.test_mfrc522")
