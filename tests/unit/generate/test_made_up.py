"""Made-up values look like their kind, carry its check digits, and repeat only where they may."""

import re
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from stdnum import luhn
from stdnum.iso7064 import mod_97_10

from synth.core.schema import Column, Kind
from synth.generate.identifiers import IDENTIFIERS
from synth.generate.made_up import can_be_made_up, made_up, most_unique

IDS = np.arange(5_000, dtype=np.int64)
MANY = np.arange(50_000, dtype=np.int64)


def text(entity: str | None, **facts: Any) -> Column:
    return Column(name="c", spark_type="string", kind=Kind.ID, entity=entity, **facts)


@pytest.mark.parametrize(
    ("entity", "pattern"),
    [
        ("ssn", r"666-\d\d-\d{4}"),
        ("email", r"[a-z']+\.[a-z']+\d{4}@example\.com"),
        ("phone", r"\d{3}-555-01\d\d"),
        ("ip_address", r"10(\.\d{1,3}){3}"),
        ("uuid", r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"),
        ("passport", r"X\d{8}X"),
        ("driver_licence", r"S\d{8}"),
        ("street_address", r"\d+ \S+ \S+"),
        (None, r"[0-9a-f]{16}"),
    ],
)
def test_made_up_values_look_like_their_kind(entity: str | None, pattern: str) -> None:
    column = text(entity)
    values = made_up(column, IDS, 0, pa.string()).to_pylist()
    assert all(re.fullmatch(pattern, value) for value in values)
    assert values == made_up(column, IDS, 0, pa.string()).to_pylist()


def test_made_up_numbers_carry_their_check_digits() -> None:
    cards = made_up(text("credit_card"), IDS, 0, pa.string())
    assert all(luhn.is_valid(card) and len(card) == 16 for card in cards.to_pylist())
    ibans = made_up(text("iban"), IDS, 0, pa.string())
    assert all(mod_97_10.is_valid(iban[4:] + iban[:4]) for iban in ibans.to_pylist())


def test_made_up_values_are_null_as_often_as_was_released() -> None:
    column = text("ssn", null_share=0.3)
    share = made_up(column, IDS, 0, pa.string()).null_count / len(IDS)
    assert abs(share - 0.3) < 0.04  # 6 standard deviations


UNIQUE_KINDS = [*sorted(IDENTIFIERS), None, "email", "url", "username", "uuid", "record_id"]


@pytest.mark.parametrize("entity", UNIQUE_KINDS)
@pytest.mark.parametrize("seed", [0, 2**62 + 1])
def test_unique_values_never_repeat(entity: str | None, seed: int) -> None:
    column = text(entity, unique=True)
    assert most_unique(column) >= len(MANY)
    values = made_up(column, MANY, seed, pa.string())
    assert values.null_count == 0
    assert len(values.unique()) == len(MANY)
    assert not values.equals(made_up(column, MANY, seed + 1, pa.string()))


@pytest.mark.parametrize("entity", UNIQUE_KINDS)
def test_unique_values_are_the_same_however_the_rows_are_cut(entity: str | None) -> None:
    column = text(entity, unique=True)
    pieces = [made_up(column, part, 3, pa.string()) for part in np.array_split(IDS, 7)]
    assert pa.concat_arrays(pieces).equals(made_up(column, IDS, 3, pa.string()))


@pytest.mark.parametrize("entity", ["phone", "postcode"])
def test_all_values_of_a_small_kind_are_used_before_one_repeats(entity: str) -> None:
    size = IDENTIFIERS[entity][0]
    values = made_up(text(entity, unique=True), np.arange(size, dtype=np.int64), 5, pa.string())
    assert len(values.unique()) == size == most_unique(text(entity))


@pytest.mark.parametrize(
    "entity", [*sorted(set(IDENTIFIERS) - {"postcode"}), None, "email", "username", "uuid"]
)
def test_keys_never_repeat_without_being_asked_where_there_is_room(entity: str | None) -> None:
    assert len(made_up(text(entity), MANY, 0, pa.string()).unique()) == len(MANY)


def test_postcodes_repeat_as_chance_has_it() -> None:
    """50,000 of 100,000: about 39,300 differ; that none repeats cannot happen."""
    assert 38_000 < len(made_up(text("postcode"), MANY, 0, pa.string()).unique()) < 41_000


def test_names_and_places_can_never_be_told_apart_in_every_row() -> None:
    for entity in ("first_name", "city", "person_name", "street_address"):
        assert most_unique(text(entity)) == 0
    numbers = Column(name="c", spark_type="bigint", kind=Kind.ID)
    assert most_unique(numbers) > 1e15
    assert made_up(numbers, MANY, 0, pa.int64()).to_pylist() == (MANY + 1).tolist()


@pytest.mark.parametrize("entity", sorted(IDENTIFIERS))
def test_different_serials_give_different_identifiers_of_one_shape(entity: str) -> None:
    size, make = IDENTIFIERS[entity]
    serials = np.append(np.arange(0, size, max(1, size // 20_000), dtype=np.int64), size - 1)
    serials = np.unique(serials)
    values = make(serials)
    assert len(values.unique()) == len(serials)
    assert make(serials[::-1]).to_pylist() == values.to_pylist()[::-1]
    if entity != "ip_address":
        assert len(set(pc.utf8_length(values).to_pylist())) == 1


def test_text_is_as_long_as_it_is_asked_to_be() -> None:
    lengths = np.array([0.0, 1.0, 17.0, 5_000.0, np.nan])
    column = Column(name="c", spark_type="string", kind=Kind.TEXT, keep_length=True, null_share=0.9)
    values = made_up(column, IDS[:5], 0, pa.string(), lengths)
    assert pc.utf8_length(values).to_pylist() == [0, 1, 17, 5_000, None], "null where the length is, only"
    again = made_up(column, IDS[:5] + 5, 0, pa.string(), lengths)
    assert again[3] != values[3]


def test_a_type_whose_values_cannot_be_made_up_is_told_beforehand() -> None:
    assert not can_be_made_up(Column(name="c", spark_type="interval year to month", kind=Kind.TEXT))
    assert not can_be_made_up(Column(name="c", spark_type="array<int>", kind=Kind.TEXT))
    assert can_be_made_up(Column(name="c", spark_type="decimal(38,0)", kind=Kind.ID))
