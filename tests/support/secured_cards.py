"""Level 1 cards for tests, made as a technician makes them: by the firmware's own steps."""

import random

from firmware.cards.personalise import personalise
from firmware.cards.reader import OK, run
from firmware.drivers.mfrc522 import MFRC522
from simulators.hardware.bench import ReaderBench
from simulators.hardware.tags import make
from tests.support.pki import CARD_MASTER_KEY


def secured_card(uid: str, *, kind: str = "ntag213") -> dict[str, str]:
    """The dump of a personalised card with this UID (hex)."""
    bench = ReaderBench(random.Random(1).random)
    driver = MFRC522(bench.spi, bench.cs, bench.rst, bench.time.ticks_us, bench.time.ticks_diff)
    while not driver.tend(bench.time.ticks_ms()):
        bench.time.charge_us(1_000)
    tag = make(kind, bytes.fromhex(uid))
    bench.field.put(tag)
    status, _ = run(personalise(driver, tag.uid, CARD_MASTER_KEY))
    assert status == OK
    dump: dict[str, str] = tag.dump()
    return dump
