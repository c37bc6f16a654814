"""The golden messages once more, on the real MicroPython."""

from tests.support.micropython import run_portable_tests


def test_the_golden_messages_hold_on_micropython():
    assert "failed 0" in run_portable_tests("tests.firmware.link.test_golden_messages")
