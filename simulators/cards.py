"""The cards of a simulation, each a file: a Level 1 card's counter must outlive the run.

A card that came back with an older counter would be what it looks like: a copy.
"""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from simulators.fleet import BOARD, ROOT, micropython
from simulators.hardware.tags import make
from simulators.world import Card
from simulators.world_link import CardDump

WITHIN_S = 60


class CardError(Exception):
    """A card could not be made; the message says what the desk answered."""


class CardBox:
    """Cards by UID (lower-case hex), kept in `folder`.

    master_key: 64 hex digits, the key Level 1 cards derive theirs from; gates hold it.
    """

    def __init__(self, folder: Path, master_key: str) -> None:
        self._folder = folder
        self._master_key = master_key
        self._cards: dict[str, Card] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def take(self, uid: str, level: int) -> Card:
        """The card of that UID; made at the first call, `level` 0 (as sold) or 1 (secured)."""
        self.prepare([(uid, level)])
        return self._cards[uid]

    def prepare(self, wanted: Sequence[tuple[str, int]]) -> None:
        """Make, or read back, many cards of (UID, level) at once.

        Raises:
            CardError: the desk could not secure one.
        """
        blank: list[str] = []
        for uid, level in wanted:
            if uid in self._cards:
                continue
            if self._path(uid).exists():
                self._keep(json.loads(self._path(uid).read_text()))
            elif level == 0:
                self._keep(make("ntag213", bytes.fromhex(uid)).dump())
            else:
                blank.append(uid)
        if blank:
            for dump in self._secure(blank):
                self._keep(dump)

    def _keep(self, dump: CardDump) -> None:
        card = Card(dump, on_write=self._save)
        self._cards[card.uid] = card
        self._save(card)

    def _save(self, card: Card) -> None:
        path = self._path(card.uid)
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(card.dump))
        fresh.replace(path)

    def _path(self, uid: str) -> Path:
        return self._folder / f"{uid}.json"

    def _secure(self, uids: Sequence[str]) -> list[CardDump]:
        orders = [{"uid": uid, "kind": "ntag213", "key": self._master_key} for uid in uids]
        done = subprocess.run(  # noqa: S603 - our own interpreter and script
            [micropython(), str(BOARD / "card_desk.py")],
            input="".join(json.dumps(order) + "\n" for order in orders),
            env={**os.environ, "MICROPYPATH": f"{ROOT}:.frozen"},
            capture_output=True,
            text=True,
            timeout=WITHIN_S,
            check=False,
        )
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        if len(answers) != len(uids) or any(answer["status"] != 0 for answer in answers):
            raise CardError(f"The desk could not secure the cards: {answers} {done.stderr}")
        return [answer["dump"] for answer in answers]
