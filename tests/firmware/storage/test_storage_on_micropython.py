"""The same promises on the real MicroPython, and on a real littlefs."""

import pytest

from tests.support.micropython import run_micropython, run_portable_tests


@pytest.mark.parametrize("module", ["test_power_cuts", "test_outbox"])
def test_the_storage_tests_pass_on_micropython(module):
    assert "failed 0" in run_portable_tests(f"tests.firmware.storage.{module}")


def test_on_littlefs_a_cut_at_every_flash_operation_loses_nothing_promised():
    ended = run_micropython("tests/firmware/storage/micropython/littlefs_cuts.py")
    assert "flash operations" in ended.stdout
