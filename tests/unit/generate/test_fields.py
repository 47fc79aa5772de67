"""Columns made from features keep what was declared of them, in every row."""

import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from synth.core.calendar import calendar_part
from synth.core.codebook import BinnedCodebook, CategoricalCodebook, Codebook
from synth.core.digits import Rounding
from synth.core.feature import box_of, coded_features_of, part_categories
from synth.core.geo import BITS
from synth.core.prepared import PreparedManifest
from synth.core.schema import Column, Kind, Part, PrivacyUnit, Relations, TableSchema
from synth.generate.fields import columns_of, lengths_of
from synth.lake.columns import joined, to_numbers

N = 20_000


def manifest_of(columns: tuple[Column, ...], books: list[Codebook], **relations: Any) -> PreparedManifest:
    schema = TableSchema(name="t", columns=columns, unit=PrivacyUnit(), relations=Relations(**relations))
    assert [feature.name for feature in coded_features_of(schema)] == [codebook.column for codebook in books]
    return PreparedManifest(
        schema=schema, codebooks=tuple(books), n_rows=9, n_units=9, entries=(1,), is_private=True
    )


def made(manifest: PreparedManifest, **types: pa.DataType) -> tuple[dict[str, pa.Array], dict[str, Any]]:
    """Columns, and the codes they are made from, each code as likely as the others."""
    generator = np.random.default_rng(0)
    codes = {c.column: generator.integers(0, c.n_codes, N).astype(np.uint16) for c in manifest.codebooks}
    uniforms = {c.column: generator.random(N) for c in manifest.codebooks}
    return columns_of(manifest, codes, uniforms, types), codes


def bins(name: str, kind: Kind, *edges: float, decimals: int | None = None) -> BinnedCodebook:
    return BinnedCodebook(
        column=name,
        kind=kind,
        lowers=edges[:-1],
        uppers=edges[1:],
        counts=(1.0,) * len(edges),
        decimals=decimals,
    )


def number(name: str, **facts: Any) -> Column:
    return Column(name=name, spark_type="bigint", kind=Kind.INTEGER, **facts)


def test_low_is_at_most_high_in_every_row_and_along_a_chain() -> None:
    manifest = manifest_of(
        (number("high", upper=60.0), number("mid"), number("low")),
        [
            bins("high - mid", Kind.INTEGER, 0, 1, 40),
            bins("mid - low", Kind.INTEGER, 0, 1, 30),
            bins("low", Kind.INTEGER, -20, 0, 100),
        ],
        at_most=(("mid", "high"), ("low", "mid")),
    )
    columns, codes = made(manifest, high=pa.int64(), mid=pa.int64(), low=pa.int64())
    low, mid, high = (to_numbers(columns[name], number(name)) for name in ("low", "mid", "high"))
    known = ~np.isnan(high)
    assert np.all(low[~np.isnan(mid)] <= mid[~np.isnan(mid)])
    assert np.all(mid[known] <= high[known])
    assert np.all(high[known] <= np.maximum(mid[known], 60.0)), "the declared top, or the low end above it"
    assert np.array_equal(np.isnan(mid), (codes["low"] == 0) | (codes["mid - low"] == 0))
    assert 0.1 < known.mean() < 0.9


@pytest.mark.parametrize("text", [True, False])
def test_dates_keep_their_order(text: bool) -> None:
    format = "%-m/%-d/%Y" if text else None
    columns = tuple(
        Column(name=name, spark_type="string" if text else "date", kind=Kind.DATE, format=format)
        for name in ("start", "stop")
    )
    manifest = manifest_of(
        columns,
        [bins("start", Kind.DATE, 18_000, 18_100), bins("stop - start", Kind.INTEGER, 0, 1, 50)],
        at_most=(("start", "stop"),),
    )
    kind = pa.string() if text else pa.date32()
    arrays, _ = made(manifest, start=kind, stop=kind)
    start, stop = (to_numbers(arrays[c.name], c) for c in columns)
    known = ~np.isnan(stop)
    assert np.all(start[known] <= stop[known])
    assert 0.2 < np.mean(start[known] == stop[known]) < 0.8


def test_only_released_combinations_come_out_in_their_own_types() -> None:
    released = [("Bern", "1"), ("Rome", "2"), (None, "3"), ("Bern", None)]
    texts = joined([pa.array([city for city, _ in released]), pa.array([n for _, n in released])])
    categories = tuple(texts.to_pylist())
    book = CategoricalCodebook(
        column="city + n", categories=categories, counts=(1.0, 4.0, 3.0, 2.0, 1.0, 9.0)
    )
    manifest = manifest_of(
        (Column(name="city", spark_type="string", kind=Kind.CATEGORICAL), number("n")),
        [book],
        together=(("city", "n"),),
    )
    arrays, codes = made(manifest, city=pa.string(), n=pa.int64())
    pairs = list(zip(arrays["city"].to_pylist(), arrays["n"].to_pylist(), strict=True))
    assert arrays["n"].type == pa.int64()
    wanted = {(city, None if n is None else int(n)) for city, n in released}
    assert set(pairs) == wanted | {(None, None)}
    assert all(
        (pair == (None, None)) == (code == 0) for pair, code in zip(pairs, codes["city + n"], strict=True)
    )


PARTS = (Part.MONTH, Part.WEEKDAY, Part.HOUR)


def part_book(name: str, part: Part) -> CategoricalCodebook:
    categories = part_categories(part)
    return CategoricalCodebook(
        column=name, categories=categories, counts=(1.0,) * (len(categories) + 1), closed=True
    )


@pytest.mark.parametrize("part", [Part.MONTH, Part.DAY, Part.WEEKDAY])
def test_a_calendar_part_comes_out_as_it_was_drawn_on_a_near_day(part: Part) -> None:
    column = Column(name="day", spark_type="date", kind=Kind.DATE, parts=(part,))
    manifest = manifest_of(
        (column,), [bins("day", Kind.DATE, 10_950, 10_951, 11_300), part_book(f"day {part}", part)]
    )
    arrays, codes = made(manifest, day=pa.date32())
    days = to_numbers(arrays["day"], column)
    drawn = codes[f"day {part}"]
    known = ~np.isnan(days) & (drawn > 0)
    assert np.array_equal(np.isnan(days), codes["day"] == 0)
    assert np.array_equal(calendar_part(days[known].astype(np.int64), part), drawn[known])
    least = {Part.WEEKDAY: 3, Part.DAY: 31, Part.MONTH: 184}[part]
    first_bin = known & (codes["day"] == 1)
    assert np.abs(days[first_bin] - 10_950).max() <= least


def test_hour_month_and_weekday_of_a_timestamp_come_out_together() -> None:
    column = Column(name="at", spark_type="timestamp", kind=Kind.TIMESTAMP, parts=PARTS)
    second = 86_400.0 * 11_000
    manifest = manifest_of(
        (column,),
        [
            bins("at", Kind.TIMESTAMP, second, second + 86_400 * 300),
            *(part_book(f"at {part}", part) for part in PARTS),
        ],
    )
    arrays, codes = made(manifest, at=pa.timestamp("us", tz="UTC"))
    seconds = to_numbers(arrays["at"], column)
    days = np.floor(np.nan_to_num(seconds) / 86_400).astype(np.int64)
    parts = {
        Part.MONTH: calendar_part(days, Part.MONTH),
        Part.WEEKDAY: calendar_part(days, Part.WEEKDAY),
        Part.HOUR: np.nan_to_num(seconds) % 86_400 // 3600 + 1,  # code 1 is hour 0
    }
    for part, found in parts.items():
        drawn = codes[f"at {part}"]
        known = ~np.isnan(seconds) & (drawn > 0)
        assert np.array_equal(found[known], drawn[known])


def test_an_hour_moves_a_moment_by_half_a_day_at_most_and_keeps_its_minutes_and_sentinels() -> None:
    column = Column(name="at", spark_type="timestamp", kind=Kind.TIMESTAMP, parts=(Part.HOUR,))
    day, last = 86_400.0, 2_932_896 * 86_400.0
    book = BinnedCodebook(
        column="at",
        kind=Kind.TIMESTAMP,
        lowers=(day * 11_000, day * 11_100, last),
        uppers=(day * 11_100, day * 11_100 + 3_600, last),
        counts=(1.0, 1.0, 1.0, 1.0),
        cells=(((day * 11_000, day * 11_100, 1.0),), ((day * 11_100, day * 11_100 + 3_600, 1.0),),
               ((last, last, 1.0),)),
        roundings=(Rounding(unit=900.0, share=1.0),),
    )  # fmt: skip
    manifest = manifest_of((column,), [book, part_book("at hour", Part.HOUR)])
    arrays, codes = made(manifest, at=pa.timestamp("us", tz="UTC"))
    seconds = to_numbers(arrays["at"], column)
    known = (codes["at"] > 0) & (codes["at"] < 3) & (codes["at hour"] > 0)
    assert np.array_equal(seconds[known] % day // 3600 + 1, codes["at hour"][known])
    assert (seconds[known] % 900 == 0).all()
    night = known & (codes["at"] == 2)
    assert np.abs(seconds[night] - day * 11_100).max() < day / 2 + 3_600
    assert (seconds[codes["at"] == 3] == last).all()


@pytest.mark.parametrize("decimals", [None, 4])
def test_a_place_lies_within_its_cell_with_its_decimals(decimals: int | None) -> None:
    pair = (
        Column(name="lat", spark_type="double", kind=Kind.REAL, lower=40.0, upper=50.0, decimals=decimals),
        Column(name="lon", spark_type="double", kind=Kind.REAL, lower=-80.0, upper=-70.0, decimals=decimals),
    )
    # Cells of 2^14 a side: about 0.0006 degrees, six units of four decimals.
    book = bins("lat x lon", Kind.PLACE, 0, 4096, 1 << 20, float(1 << 2 * BITS))
    manifest = manifest_of(pair, [book], places=(("lat", "lon"),))
    arrays, codes = made(manifest, lat=pa.float64(), lon=pa.float64())
    latitude, longitude = (to_numbers(arrays[c.name], c) for c in pair)
    assert np.array_equal(np.isnan(latitude), codes["lat x lon"] == 0)
    assert np.array_equal(np.isnan(latitude), np.isnan(longitude))
    known = codes["lat x lon"] > 0
    if decimals is None:
        cells = box_of(*pair).cell(latitude[known], longitude[known])
        assert np.array_equal(book.encode(cells), codes["lat x lon"][known])
    else:
        assert np.allclose(latitude[known], np.round(latitude[known], decimals), atol=1e-12)
        # The first bin's 64 x 64 cells lie at the south-west corner.
        first = codes["lat x lon"] == 1
        side = 64 * 10.0 / (1 << BITS) + 0.5 * 10.0**-decimals + 1e-9
        assert np.all(latitude[first] - 40.0 <= side)
        assert np.all(longitude[first] + 80.0 <= side)
    assert (
        np.abs(np.corrcoef(latitude[codes["lat x lon"] == 3], longitude[codes["lat x lon"] == 3])[0, 1]) < 0.1
    )


def test_lengths_are_those_of_the_text_that_has_them() -> None:
    note = Column(name="note", spark_type="string", kind=Kind.TEXT, keep_length=True)
    manifest = manifest_of(
        (note, number("n")), [bins("length of note", Kind.INTEGER, 0, 1, 20), bins("n", Kind.INTEGER, 0, 9)]
    )
    generator = np.random.default_rng(0)
    codes = {c.column: generator.integers(0, c.n_codes, N).astype(np.uint16) for c in manifest.codebooks}
    uniforms = {c.column: generator.random(N) for c in manifest.codebooks}
    lengths = lengths_of(manifest, codes, uniforms)
    assert list(lengths) == ["note"]
    assert np.array_equal(np.isnan(lengths["note"]), codes["length of note"] == 0)
    assert set(columns_of(manifest, codes, uniforms, {"n": pa.int64()})) == {"n"}


def test_a_gap_above_a_column_that_is_not_learned_is_refused() -> None:
    columns = (Column(name="low", spark_type="bigint", kind=Kind.INTEGER, derived="1"), number("high"))
    manifest = manifest_of(columns, [bins("high - low", Kind.INTEGER, 0, 9)], at_most=(("low", "high"),))
    with pytest.raises(ValueError, match="has no base"):
        made(manifest, low=pa.int64(), high=pa.int64())


def test_a_day_in_text_is_written_in_its_format() -> None:
    column = Column(name="day", spark_type="string", kind=Kind.DATE, format="%d.%m.%Y")
    arrays, _ = made(manifest_of((column,), [bins("day", Kind.DATE, 0, 365)]), day=pa.string())
    read = {datetime.datetime.strptime(v, "%d.%m.%Y").year for v in arrays["day"].drop_null().to_pylist()}
    assert read == {1970}


def test_a_sum_stays_within_what_was_released_of_it_without_piling_up_there() -> None:
    manifest = manifest_of(
        (number("low"), number("high", upper=100.0)),
        [bins("low", Kind.INTEGER, 0, 90), bins("high - low", Kind.INTEGER, 0, 500)],
        at_most=(("low", "high"),),
    )
    columns, _ = made(manifest, low=pa.int64(), high=pa.int64())
    low, high = (to_numbers(columns[name], number(name)) for name in ("low", "high"))
    known = ~np.isnan(high)
    assert np.all(high[known] <= 100)
    assert np.all(low[known] <= high[known])
    assert np.mean(high[known] == 100) < 0.1


def test_nobody_dies_later_than_anybody_was_born_or_died() -> None:
    birth = Column(name="born", spark_type="date", kind=Kind.DATE, entity="birth_date")
    death = Column(name="died", spark_type="date", kind=Kind.DATE, entity="death_date", upper=25_000.0)
    manifest = manifest_of(
        (birth, death),
        [bins("born", Kind.DATE, 10_000, 20_000), bins("died - born", Kind.INTEGER, 0, 40_000)],
        at_most=(("born", "died"),),
    )
    arrays, _ = made(manifest, born=pa.date32(), died=pa.date32())
    days = to_numbers(arrays["died"], death)
    assert np.nanmax(days) < 20_000
    known = ~np.isnan(days)
    assert np.all(days[known] >= to_numbers(arrays["born"], birth)[known])


@pytest.mark.parametrize(
    ("spark_type", "kind", "largest"),
    [
        ("tinyint", pa.int8(), 127),
        ("decimal(4,1)", pa.decimal128(4, 1), 999.9),
        ("date", pa.date32(), datetime.date(9999, 12, 31)),
    ],
)
def test_a_sum_never_leaves_its_type(spark_type: str, kind: pa.DataType, largest: Any) -> None:
    is_date = spark_type == "date"
    model = Kind.DATE if is_date else Kind.INTEGER
    columns = tuple(Column(name=name, spark_type=spark_type, kind=model) for name in ("low", "high"))
    start = 2_932_000 if is_date else 100
    manifest = manifest_of(
        columns,
        [bins("low", model, start, start + 20), bins("high - low", Kind.INTEGER, 0, 1_000_000)],
        at_most=(("low", "high"),),
    )
    arrays, _ = made(manifest, low=kind, high=kind)
    pairs = list(zip(arrays["low"].to_pylist(), arrays["high"].to_pylist(), strict=True))
    assert all(low <= high for low, high in pairs if high is not None)
    highest = max(high for _, high in pairs if high is not None)
    assert highest <= (
        largest if is_date else type(highest)(str(largest)) if spark_type[0] == "d" else largest
    )
