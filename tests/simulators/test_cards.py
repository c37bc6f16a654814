"""Cards are secured by the firmware's own code and keep what was written to them."""

from firmware.cards.read import read_card
from simulators.cards import CardBox
from simulators.hardware.tags import load
from tests.support.reader_rig import Rig

KEY = bytes(range(32))


def test_a_secured_card_proves_itself_to_a_gate_and_a_plain_one_shows_its_uid(tmp_path):
    box = CardBox(tmp_path, KEY.hex())
    box.prepare([("04c0de00000001", 1), ("04c0de00000002", 1), ("04c0de00000003", 0)])
    for uid, level in (("04c0de00000001", 1), ("04c0de00000002", 1), ("04c0de00000003", 0)):
        rig = Rig().ready()
        rig.field.put(load(box.take(uid, level).dump))
        reading = rig.do(read_card(rig.driver, KEY))
        assert (reading.uid.hex(), reading.level) == (uid, level)


def test_what_a_gate_wrote_is_there_when_the_box_is_opened_again(tmp_path):
    card = CardBox(tmp_path, KEY.hex()).take("04c0de00000001", 0)
    written = card.dump | {"memory": card.dump["memory"][:-2] + "77"}
    card.write(written)
    assert CardBox(tmp_path, KEY.hex()).take("04c0de00000001", 0).dump == written
