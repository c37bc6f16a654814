"""What survives one search for garbage is not looked at by the next, until a new day."""

import gc

from cloud.exchange.steady_memory import LOOK_EVERY, look_at_all_once, steady_memory


def test_what_survives_is_set_aside_and_given_back_in_the_end() -> None:
    callbacks = list(gc.callbacks)
    with steady_memory():
        before = gc.get_freeze_count()
        kept = [[number] for number in range(10_000)]
        gc.collect()
        assert gc.get_freeze_count() >= before + len(kept)
        look_at_all_once()
        assert gc.get_freeze_count() == 0
    assert gc.get_freeze_count() == 0
    assert list(gc.callbacks) == callbacks


def test_how_often_new_objects_are_looked_at_is_given_back_in_the_end() -> None:
    before = gc.get_threshold()
    with steady_memory():
        assert gc.get_threshold() == LOOK_EVERY
    assert gc.get_threshold() == before


def test_garbage_in_cycles_is_still_found() -> None:
    class Node:
        found = 0

        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            Node.found += 1

    with steady_memory():
        for _ in range(100):
            Node()
        gc.collect()
        assert Node.found == 100
