"""A desk with a reader where blank cards become Level 1 cards; run under MicroPython.

Reads lines {"uid": hex, "kind": "ntag213"|"ntag215", "key": hex of the card master key} and answers
each with the card's dump, written by the firmware's own code on the register model of the reader.
"""

import json
import random
import sys

from simulators.hardware.bench import ReaderBench
from simulators.hardware.tags import make


def _firmware(name, part):
    # The firmware is run as files, not imported by name: the simulators know none of it.
    return getattr(__import__(name, None, None, [part]), part)


def _serve():
    run = _firmware("firmware.cards.reader", "run")
    personalise = _firmware("firmware.cards.personalise", "personalise")
    bench = ReaderBench(random.random, 0x92)
    clock = bench.time
    reader = _firmware("firmware.drivers.mfrc522", "MFRC522")(
        bench.spi, bench.cs, bench.rst, clock.ticks_us, clock.ticks_diff
    )
    while not reader.tend(clock.ticks_ms()):
        clock.charge_us(1000)
    for line in sys.stdin:
        order = json.loads(line)
        tag = make(order["kind"], bytes.fromhex(order["uid"]))
        bench.field.put(tag)
        status, _ = run(personalise(reader, tag.uid, bytes.fromhex(order["key"])))
        bench.field.take(tag)
        print(json.dumps({"status": status, "dump": tag.dump()}))  # noqa: T201 - the answer


_serve()
