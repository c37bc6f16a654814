"""The edge agent's decision on 100,000 rights, on one core, and the memory they take.

`decisions_per_s` is the decision alone, over a mix of taps (booked, unknown, of another lot, too
early, expired, blocked, at entries and exits); `answers_per_s` adds what a tap costs around it:
decoding the message, the tag key, sealing the answer. Both count the processor time of this thread,
which is what one core to itself would take; `wall_decisions_per_s` is what this machine gave just
now, beside whatever else it does.
"""

import gc
import os
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from edge_agent.access import Lane, decide_tap
from edge_agent.book import Book
from edge_agent.clock import SystemClock, TrustedClock
from edge_agent.index import RightsIndex
from edge_agent.issuer import Issuer
from edge_agent.rights import ListState
from edge_agent.store import Store
from protocols.gate import AnswerArgs, Tap
from protocols.portable import access, codes, macs
from protocols.site import Right

RIGHTS: Final = 100_000
ROUNDS: Final = 5
_NOW_S: Final = 1_790_000_000
_BOTH: Final = access.FLAG_ENTRY | access.FLAG_EXIT


def run() -> dict[str, float]:
    """Figures by name."""
    draw = random.Random(7)  # noqa: S311 - a repeatable mix
    before_mb = _resident_mb()
    index = RightsIndex(_right(number, draw) for number in range(RIGHTS))
    gc.collect()
    rights_mb = _resident_mb() - before_mb
    taps = _taps(draw)
    best = max(_decisions_per_s(index, taps, time.thread_time) for _ in range(ROUNDS))
    wall = max(_decisions_per_s(index, taps, time.perf_counter) for _ in range(ROUNDS))
    answers = max(_answers_per_s(index, taps) for _ in range(ROUNDS))
    return {
        "decisions_per_s": round(best),
        "wall_decisions_per_s": round(wall),
        "answers_per_s": round(answers),
        "rights": RIGHTS,
        "rights_mb": round(rights_mb, 1),
        "process_mb": round(_resident_mb(), 1),
    }


def _uid(number: int) -> str:
    return f"04{number:012x}"


def _right(number: int, draw: random.Random) -> Right:
    kind = draw.choice((codes.BOOKING, codes.BOOKING, codes.PERMIT, codes.KNOWN))
    blocked = access.FLAG_BLOCKED if draw.random() < 0.01 else 0
    start_s = _NOW_S + draw.randrange(-7200, 7200)
    return Right(
        # As long as the ids of real bookings.
        id=f"0198a1b2-0000-7000-8000-{number:012x}",
        tag=macs.tag_key(bytes.fromhex(_uid(number))).hex(),
        lot=draw.choice(("elm", "elm", "elm", "oak")),
        flags=kind | _BOTH | blocked,
        from_s=start_s,
        until_s=start_s + 5400,
    )


def _taps(draw: random.Random) -> list[tuple[Tap, bytes, Lane]]:
    policy = access.Lot(codes.OPEN, codes.WALK_UPS_NONE, codes.PASSBACK_HARD)
    lanes = [
        Lane(f"elm-{way}-1", way, "elm", direction, policy, 86_400_000, out_of_service=False)
        for way, direction in (("in", codes.ENTRY), ("out", codes.EXIT))
    ]
    taps = []
    for seq in range(20_000):
        # One in ten is a card nobody knows.
        uid = _uid(draw.randrange(RIGHTS * 10 // 9))
        tap = Tap(
            v=1,
            boot=1,
            seq=seq,
            uid=uid,
            read=codes.READ_OK,
            level=1,
            counter=seq,
            clock=codes.CLOCK_SET,
        )
        taps.append((tap, macs.tag_key(bytes.fromhex(uid)), draw.choice(lanes)))
    return taps


def _decisions_per_s(
    index: RightsIndex, taps: list[tuple[Tap, bytes, Lane]], clock: Callable[[], float]
) -> float:
    book, state = Book(), _state()
    began = clock()
    for tap, tag, lane in taps:
        decide_tap(
            lane,
            tap,
            tag,
            rights=index,
            state=state,
            book=book,
            now_ms=_NOW_S * 1000,
            linked=True,
        )
    return len(taps) / (clock() - began)


def _answers_per_s(index: RightsIndex, taps: list[tuple[Tap, bytes, Lane]]) -> float:
    some = [(msgspec.json.encode(tap), lane) for tap, _, lane in taps[:5000]]
    decoder = msgspec.json.Decoder(Tap)
    book, state = Book(), _state()
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "bench.sqlite3")
        issuer = Issuer(store, TrustedClock(SystemClock()), bytes(32))
        began = time.thread_time()
        for payload, lane in some:
            tap = decoder.decode(payload)
            tag = macs.tag_key(bytes.fromhex(tap.uid))
            decision = decide_tap(
                lane,
                tap,
                tag,
                rights=index,
                state=state,
                book=book,
                now_ms=_NOW_S * 1000,
                linked=True,
            )
            args = AnswerArgs(
                boot=tap.boot,
                tap=tap.seq,
                reason=decision.reason,
                mode=decision.mode,
                right=decision.right,
                list_version=state.version,
                now_ms=_NOW_S * 1000,
            )
            issuer.answer(lane.gate, args)
        took_s = time.thread_time() - began
        store.close()
    return len(some) / took_s


def _state() -> ListState:
    return ListState(version=1, issued_at_ms=_NOW_S * 1000, expires_at_ms=(_NOW_S + 86_400) * 1000)


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1_000_000
