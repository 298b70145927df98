"""The same done to very many files."""

import threading

from operations.parallel import AHEAD, each


def test_one_that_hangs_holds_up_no_others():
    answered = threading.Event()

    def do(item: int) -> int:
        if item == 0:
            answered.wait(60)
        return item

    done = each(do, range(20 * AHEAD))
    first = [next(done) for _ in range(20 * AHEAD - 1)]
    answered.set()
    assert sorted(first) == list(range(1, 20 * AHEAD))
    assert list(done) == [0]


def test_only_a_few_items_are_taken_ahead():
    items = iter(range(10_000))
    next(each(str, items))
    assert next(items) <= 2 * AHEAD
