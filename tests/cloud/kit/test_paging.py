"""Walking the pages meets every row once, whatever the limit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.kit.paging import CursorError, PageRequest


@given(st.sets(st.tuples(st.integers(0, 5), st.text(max_size=3))), st.integers(1, 7))
def test_the_pages_together_are_the_list(rows: set[tuple[int, str]], limit: int):
    ordered = sorted(rows)
    met: list[tuple[int, str]] = []
    cursor: str | None = None
    for _ in range(len(ordered) + 1):
        request = PageRequest(limit, cursor)
        after = request.after(tuple[int, str])
        fetched = [row for row in ordered if after is None or row > after][: request.fetch]
        page = request.page(fetched, lambda row: row, lambda row: row)
        assert len(page.items) <= limit
        met += page.items
        cursor = page.next_cursor
        if cursor is None:
            break
    assert met == ordered


@pytest.mark.parametrize("cursor", ["", "!!", "e30", "WzFd", "\N{SNOWMAN}", "a" * 500])
def test_a_cursor_that_was_made_up_is_refused(cursor: str):
    with pytest.raises(CursorError):
        PageRequest(10, cursor).after(tuple[int, str])
