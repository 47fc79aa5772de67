"""A made-up value of every type is valid, null only where it may be, and a key where there is room."""

import re
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from synth.core.schema import Column, Kind
from synth.generate.made_up import made_up, most_unique

N = 3_000
IDS = np.arange(N, dtype=np.int64)
TYPES: dict[str, pa.DataType] = {
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "decimal(38,0)": pa.decimal128(38, 0),
    "decimal(38,18)": pa.decimal128(38, 18),
    "decimal(10,0)": pa.decimal128(10, 0),
    "decimal(10,2)": pa.decimal128(10, 2),
    "decimal(5,5)": pa.decimal128(5, 5),
    "decimal(3,1)": pa.decimal128(3, 1),
    "decimal(1,0)": pa.decimal128(1, 0),
    "float": pa.float32(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "timestamp_ntz": pa.timestamp("us"),
    "binary": pa.binary(),
    "interval day to second": pa.duration("us"),
    "string": pa.string(),
    "varchar(7)": pa.string(),
    "char(2)": pa.string(),
}
ENTITIES = (
    *(None, "ssn", "phone", "email", "credit_card", "record_id", "postcode", "person_name", "latitude"),
    *("longitude", "account_number", "first_name", "street_address", "state", "birth_date"),
)


def column(spark_type: str, **facts: Any) -> Column:
    return Column(name="c", spark_type=spark_type, kind=Kind.ID, **facts)


@pytest.mark.parametrize("entity", ENTITIES)
@pytest.mark.parametrize("spark_type", list(TYPES))
def test_every_type_gets_a_valid_value_in_every_row(spark_type: str, entity: str | None) -> None:
    facts = column(spark_type, entity=entity, nullable=False, null_share=0.5)
    values = made_up(facts, IDS, 7, TYPES[spark_type])
    assert values.type == TYPES[spark_type]
    assert len(values) == N
    assert values.null_count == 0, "the column admits no null"
    values.validate(full=True)
    limit = re.search(r"char\((\d+)\)", spark_type)
    if limit:
        assert pc.max(pc.utf8_length(values)).as_py() <= int(limit.group(1))
    if pa.types.is_floating(values.type):
        assert np.isfinite(values.to_numpy()).all()


@pytest.mark.parametrize("spark_type", list(TYPES))
def test_nulls_are_as_frequent_as_was_released(spark_type: str) -> None:
    values = made_up(column(spark_type, null_share=0.3), IDS, 7, TYPES[spark_type])
    assert abs(values.null_count / N - 0.3) < 0.05  # 6 standard deviations


@pytest.mark.parametrize("spark_type", sorted(set(TYPES) - {"boolean", "string", "varchar(7)", "char(2)"}))
@pytest.mark.parametrize("digits", [(), ((3, 0.5), (9, 0.5)), ((1, 0.01), (2, 0.09), (3, 0.9))])
def test_a_key_never_repeats_while_its_type_has_room(spark_type: str, digits: Any) -> None:
    facts = column(spark_type, unique=True, digits=digits)
    n = int(min(most_unique(facts) // 2, N))
    values = made_up(facts, IDS[:n], 3, TYPES[spark_type])
    assert len(values.unique()) == n
    pieces = [made_up(facts, part, 3, TYPES[spark_type]) for part in np.array_split(IDS[:n], 5)]
    assert pa.concat_arrays(pieces).equals(values), "the same rows however they are cut"


def test_a_small_type_is_used_to_its_end_where_nothing_may_repeat_and_else_stays_above_zero() -> None:
    values = made_up(column("tinyint", unique=True), np.arange(256), 0, pa.int8())
    assert len(values.unique()) == 256 == most_unique(column("tinyint"))
    usual = made_up(column("tinyint"), np.arange(256), 0, pa.int8())
    assert pc.min(usual).as_py() > 0
    assert len(usual.unique()) == 127


@pytest.mark.parametrize("spark_type", ["bigint", "decimal(38,0)", "decimal(12,0)", "string"])
def test_ids_keep_their_number_of_digits(spark_type: str) -> None:
    """2000176570 became 1, 2, 3."""
    facts = column(spark_type, digits=((10, 1.0),), value_class="digits_10_to_12", entity="record_id")
    texts = made_up(facts, np.arange(50_000), 0, TYPES.get(spark_type, pa.decimal128(12, 0))).cast(
        pa.string()
    )
    assert set(pc.utf8_length(texts).to_pylist()) == {10}
    assert not any(text.startswith("0") for text in texts[:100].to_pylist())
    assert len(texts.unique()) == 50_000


def test_shares_of_widths_are_kept_and_a_full_width_overflows_without_repeating() -> None:
    facts = column("bigint", digits=((2, 0.25), (6, 0.75)))
    texts = made_up(facts, IDS, 0, pa.int64()).cast(pa.string())
    lengths = np.array(pc.utf8_length(texts).to_pylist())
    assert (lengths == 2).sum() == 90, "all there are"
    assert (lengths == 6).sum() == 2_250
    assert len(texts.unique()) == N


def test_a_telephone_in_a_number_is_one_that_is_kept_for_fiction() -> None:
    for width, pattern in ((10, r"[2-9]\d\d55501\d\d"), (7, r"55501\d\d"), (11, r"1[2-9]\d\d55501\d\d")):
        facts = column("bigint", entity="phone", digits=((width, 1.0),))
        texts = made_up(facts, IDS, 0, pa.int64()).cast(pa.string()).to_pylist()
        assert all(re.fullmatch(pattern, text) for text in texts)


@pytest.mark.parametrize(
    ("value_class", "pattern"),
    [
        ("digits_9", r"[1-9]\d{8}"),
        ("digits_10_to_12", r"[1-9]\d{9}"),
        ("digits_13_to_19", r"[1-9]\d{15}"),
        ("digits_zero_padded", r"\d{8}"),
        ("code", r"[0-9A-Z]{8}"),
        ("digits_and_marks", r"\d{4}-\d{4}"),
        ("uuid", r"[0-9a-f-]{36}"),
        ("ip_address", r"10(\.\d{1,3}){3}"),
        ("integer", r"\d+"),
        (None, r"[0-9a-f]{16}"),
    ],
)
def test_a_token_has_the_public_shape_of_its_class(value_class: str | None, pattern: str) -> None:
    values = made_up(column("string", value_class=value_class), IDS, 0, pa.string()).to_pylist()
    assert all(re.fullmatch(pattern, value) for value in values)
    assert len(set(values)) == N


def test_leading_zeros_of_a_width_are_kept() -> None:
    facts = column("string", value_class="digits_zero_padded", digits=((5, 1.0),))
    values = made_up(facts, IDS, 0, pa.string()).to_pylist()
    assert all(len(value) == 5 for value in values)
    assert any(value.startswith("0") for value in values)
