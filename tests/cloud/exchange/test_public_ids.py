"""Public ids: made from numbers, turned back, never mixed up."""

from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.exchange.public_ids import (
    NUMBER_MAX,
    PublicKind,
    instrument_id_of,
    instrument_uuid,
    number_of,
    order_id_of,
    order_text,
    order_uuid,
    portfolio_id_of,
    portfolio_uuid,
    public_uuid,
    trade_id_of,
    trade_uuid,
)

numbers = st.integers(0, NUMBER_MAX)


@given(st.sampled_from(PublicKind), numbers)
def test_an_id_gives_back_its_number_to_its_own_kind_only(kind: PublicKind, number: int) -> None:
    public = public_uuid(kind, number)
    assert (public.version, public.variant) == (8, RFC_4122)
    for other in PublicKind:
        assert number_of(other, public) == (number if other is kind else None)


@given(numbers)
def test_every_kind_has_its_pair(number: int) -> None:
    assert order_id_of(order_uuid(number)) == number
    assert portfolio_id_of(portfolio_uuid(number)) == number
    assert instrument_id_of(instrument_uuid(number)) == number
    assert trade_id_of(trade_uuid(number)) == number
    assert order_text(number) == str(order_uuid(number))


@given(st.uuids())
def test_ids_of_others_are_none_of_ours(public: UUID) -> None:
    assert order_id_of(public) is None


@pytest.mark.parametrize("number", [-1, NUMBER_MAX + 1])
def test_a_number_that_does_not_fit_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match="no number"):
        order_uuid(number)
