"""A line break behind an otherwise good text is refused by every pattern of the API."""

import re
from pathlib import Path

import msgspec
import pytest

import cloud
from cloud.devices.sites.schemas import Host, Name, Reason, Slug
from cloud.kit.patterns import END
from cloud.ledger.schemas import Currency
from cloud.parking.lots.schemas import Timezone

SOURCES = Path(cloud.__file__).parent


@pytest.mark.parametrize(
    ("kind", "good"),
    [
        (Slug, "elm-street"),
        (Name, "Elm Street"),
        (Host, "broker.example"),
        (Reason, "a car stands in the lane"),
        (Timezone, "Europe/Berlin"),
        (Currency, "EUR"),
    ],
)
def test_a_line_break_at_the_end_is_refused(kind, good):
    assert msgspec.json.decode(msgspec.json.encode(good), type=kind) == good
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode(good + "\n"), type=kind)


def test_no_pattern_ends_where_a_line_break_could_follow():
    found = [
        f"{path.relative_to(SOURCES)}: {line.strip()}"
        for path in SOURCES.rglob("*.py")
        for line in path.read_text().splitlines()
        if re.search(r'pattern=r?"[^"]*\$"', line)
    ]
    assert found == [], f'End them with `+ END` ("{END}") from cloud.kit.patterns.'
