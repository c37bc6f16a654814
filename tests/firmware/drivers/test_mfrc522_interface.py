"""The driver has what card code expects of a reader, by the same names."""

import inspect

from firmware.cards.reader import Reader
from firmware.drivers.mfrc522 import MFRC522
from tests.support.reader_rig import Rig


def test_the_driver_conforms_to_the_reader_interface() -> None:
    for name, method in inspect.getmembers(Reader, inspect.isfunction):
        assert inspect.signature(getattr(MFRC522, name)) == inspect.signature(method), name
    driver = Rig().driver
    assert len(driver.frame) >= 32
    assert not memoryview(driver.frame).readonly
    assert (driver.answer_length, driver.answer_bits) == (0, 0)
