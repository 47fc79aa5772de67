"""Columns from codes: each feature decoded, and columns made from features where they are not one."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from synth.core.calendar import SECONDS_A_DAY, calendar_part
from synth.core.codebook import BinnedCodebook, CategoricalCodebook, Codebook
from synth.core.entity import Entity
from synth.core.feature import Feature, Role
from synth.core.prepared import PreparedManifest
from synth.core.schema import Column, Kind, Part, TableSchema
from synth.generate.places import placed, region_of
from synth.lake.columns import from_numbers, from_strings, split, with_null_spellings

_FURTHEST_DAYS = {Part.WEEKDAY: 3, Part.DAY: 31, Part.MONTH: 184}
"""How far a day is moved at most until its calendar parts are those that were drawn."""

_LARGEST_DAY = {Kind.DATE: 2_932_896.0, Kind.TIMESTAMP: 2_932_897.0 * SECONDS_A_DAY - 1}
"""9999-12-31: the last day that Spark writes."""

Codes = Mapping[str, NDArray[np.uint16]]
Uniforms = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True, kw_only=True)
class Learned:
    """Columns that were learned, and which of their values could not be named and are still to be made up.

    Attributes:
      columns: [n] each, by name; null where a value is to be made up.
      unnamed: bool [n] of the columns that have such values, by name.
      prefixes: what those values begin with, as far as that is known, by name.
    """

    columns: dict[str, pa.Array]
    unnamed: dict[str, NDArray[np.bool_]]
    prefixes: dict[str, pa.Array]


def columns_of(
    manifest: PreparedManifest, codes: Codes, uniforms: Uniforms, types: Mapping[str, pa.DataType]
) -> dict[str, pa.Array]:
    """The columns that the manifest's features make, by name: [n] each; see `learned_of`."""
    return learned_of(manifest, codes, uniforms, types).columns


def learned_of(
    manifest: PreparedManifest, codes: Codes, uniforms: Uniforms, types: Mapping[str, pa.DataType]
) -> Learned:
    """The columns that the manifest's features make, by name: [n] each.

    Args:
      codes, uniforms: [n] each, by feature name; the uniforms in [0, 1) place values within their bins.
      types: Arrow type of each column, by name.
    """
    books = {codebook.column: codebook for codebook in manifest.codebooks}
    schema, features = manifest.schema, manifest.features
    numbers: dict[str, NDArray[np.float64]] = {}
    made: dict[str, pa.Array] = {}
    unnamed: dict[str, NDArray[np.bool_]] = {}
    prefixes: dict[str, pa.Array] = {}
    for feature in features:
        values = (books[feature.name], codes[feature.name], uniforms[feature.name])
        match feature.role:
            case Role.PLAIN if feature.column.kind.is_binned:
                numbers[feature.name] = _numbers(*values)
            case Role.PLAIN:
                made[feature.name] = from_strings(_strings(*values), types[feature.name])
                rest = _rest(values[0], values[1])
                if rest is not None:
                    unnamed[feature.name] = rest
            case Role.PLACE:
                pair = [schema.column(name) for name in feature.columns]
                numbers |= placed(pair, _numbers(*values), values[2])
            case Role.TOGETHER:
                parts = split(_strings(*values), len(feature.columns))
                for name, part in zip(feature.columns, parts, strict=True):
                    made[name] = _typed(part, schema.column(name), types[name])
            case Role.REGION:
                region = region_of(values[0], feature, schema, values[1], values[2])
                numbers |= region.position
                unnamed |= region.unnamed
                prefixes |= region.prefixes
                for name, part in region.names.items():
                    made[name] = _typed(part, schema.column(name), types[name])
            case Role.PART | Role.GAP | Role.LENGTH:
                pass  # these need the columns that the others make
            case Role.LEVEL | Role.RANGE:
                raise ValueError(f"{feature.name!r} is counted, and has no codes")
    for name in dict.fromkeys(f.columns[0] for f in features if f.role is Role.PART):
        parts_of = [f for f in features if f.role is Role.PART and f.columns[0] == name]
        numbers[name] = _with_parts(numbers[name], schema.column(name), parts_of, books, codes, uniforms)
    gaps = [feature for feature in features if feature.role is Role.GAP]
    while gaps:
        ready = [gap for gap in gaps if gap.columns[1] in numbers]
        if not ready:
            raise ValueError(f"{gaps[0].columns[1]!r} is not learned, so {gaps[0].columns[0]!r} has no base")
        for gap in ready:
            high, low = gap.columns
            above = _numbers(books[gap.name], codes[gap.name], uniforms[gap.name])
            most = _most(schema.column(high), schema, books, types[high])
            whole = gap.column.kind is not Kind.REAL
            numbers[high] = _sum_within(numbers[low], above, most, uniforms[gap.name], whole=whole)
        gaps = [gap for gap in gaps if gap not in ready]
    # Where in its bin a value lies is of no account for a null: the same uniform says how it is written.
    spelled = {name: uniforms[feature.name] for feature in features for name in feature.columns}
    for name, values_of in numbers.items():
        column = schema.column(name)
        made[name] = with_null_spellings(from_numbers(values_of, column, types[name]), column, spelled[name])
    return Learned(columns=made, unnamed=unnamed, prefixes=prefixes)


def _most(high: Column, schema: TableSchema, books: Mapping[str, Codebook], arrow_type: pa.DataType) -> float:
    """The largest value that a column may have which is a sum: its declared or released bound, and its
    type's.

    Nobody dies later than the last day of a birth or a death that was released.
    """
    bounds = [_LARGEST_DAY.get(high.kind, np.inf)]
    if high.upper is not None:
        bounds.append(high.upper)
    if pa.types.is_integer(arrow_type):
        bounds.append(float(np.iinfo(arrow_type.to_pandas_dtype()).max))
    if pa.types.is_decimal(arrow_type):
        bounds.append(10.0 ** (arrow_type.precision - arrow_type.scale) - 10.0**-arrow_type.scale)
    if high.entity == Entity.DEATH_DATE:
        births = [c.name for c in schema.columns if c.entity == Entity.BIRTH_DATE and c.kind is high.kind]
        ends = [book.uppers[-1] for name in births if isinstance(book := books.get(name), BinnedCodebook)]
        bounds.extend(end - 1 for end in ends)
    return min(bounds)


def _sum_within(
    low: NDArray[np.float64],
    above: NDArray[np.float64],
    most: float,
    uniforms: NDArray[np.float64],
    *,
    whole: bool,
) -> NDArray[np.float64]:
    """low + above where that is at most `most`, else a number between low and `most`; never below low.
    [n]."""
    total = low + above
    beyond = total > most
    if not beyond.any():
        return total
    # Where in its bin the gap was drawn says little of whether it is too wide.
    again = (uniforms * 1e6) % 1.0
    room = np.maximum(most - low, 0.0)
    drawn = low + (np.floor(again * (room + 1)) if whole else again * room)
    return np.where(beyond, drawn, total)


def lengths_of(
    manifest: PreparedManifest, codes: Codes, uniforms: Uniforms
) -> dict[str, NDArray[np.float64]]:
    """Learned lengths of made-up text by column: [n] each, NaN for null."""
    books = {codebook.column: codebook for codebook in manifest.codebooks}
    lengths = [feature for feature in manifest.features if feature.role is Role.LENGTH]
    return {f.columns[0]: _numbers(books[f.name], codes[f.name], uniforms[f.name]) for f in lengths}


def _numbers(
    codebook: Codebook, codes: NDArray[np.uint16], uniforms: NDArray[np.float64]
) -> NDArray[np.float64]:
    assert isinstance(codebook, BinnedCodebook)
    return codebook.decode(codes, uniforms)


def _strings(codebook: Codebook, codes: NDArray[np.uint16], uniforms: NDArray[np.float64]) -> pa.Array:
    assert isinstance(codebook, CategoricalCodebook)
    table = pa.array([None, *codebook.categories], pa.string())
    return table.take(pa.array(codebook.resolve_other(codes, uniforms)))


def _rest(codebook: Codebook, codes: NDArray[np.uint16]) -> NDArray[np.bool_] | None:
    """Which values are to be made up, for no name of the column may stand for them; None if none are. [n]."""
    assert isinstance(codebook, CategoricalCodebook)
    return codes == codebook.other_code if codebook.rest_is_large else None


def _typed(values: pa.Array, column: Column, arrow_type: pa.DataType) -> pa.Array:
    """Strings that were made from a column of any type, as that type again."""
    if pa.types.is_string(arrow_type) or not column.kind.is_binned:
        return from_strings(values, arrow_type)
    return values.cast(arrow_type)


def _with_parts(
    numbers: NDArray[np.float64],
    column: Column,
    parts: list[Feature],
    books: Mapping[str, Codebook],
    codes: Codes,
    uniforms: Uniforms,
) -> NDArray[np.float64]:
    """Days or seconds moved to the nearest ones with the drawn calendar parts. [n] -> [n].

    A part that is null, or that no day near enough has together with the others, moves nothing.
    """
    null = np.isnan(numbers)
    known = np.where(null, 0.0, numbers)
    of_day = np.zeros_like(known) if column.kind is Kind.DATE else known % SECONDS_A_DAY
    days = (known if column.kind is Kind.DATE else np.floor(known / SECONDS_A_DAY)).astype(np.int64)
    drawn = {f.part: codes[f.name].astype(np.int64) for f in parts if f.part is not None}
    if Part.HOUR in drawn:
        known = _with_hour(known, drawn.pop(Part.HOUR), _is_told(books[column.name], codes[column.name]))
        days, of_day = np.floor(known / SECONDS_A_DAY).astype(np.int64), known % SECONDS_A_DAY
    if drawn:
        furthest = max(_FURTHEST_DAYS[part] for part in drawn)
        steps = np.array(sorted(range(-furthest, furthest + 1), key=abs))
        near = days[:, None] + steps  # [n] -> [n, steps]
        fits = np.ones(near.shape, dtype=bool)
        for part, wanted in drawn.items():
            fits &= (calendar_part(near, part) == wanted[:, None]) | (wanted == 0)[:, None]
        chosen = near[np.arange(len(days)), fits.argmax(axis=1)]
        days = np.where(fits.any(axis=1), chosen, days)
    moved = days.astype(np.float64) if column.kind is Kind.DATE else days * float(SECONDS_A_DAY) + of_day
    return np.where(null, np.nan, moved)


def _with_hour(
    seconds: NDArray[np.float64], hour: NDArray[np.int64], is_told: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Moments moved to the nearest ones with the drawn hour, their minutes and seconds kept. [n] -> [n].

    Args:
      hour: [n], one more than the hour; 0 moves nothing. is_told: [n] whose moment stays as it is.
    """
    half = SECONDS_A_DAY / 2
    by = (hour - 1) * 3600.0 - np.floor(seconds % SECONDS_A_DAY / 3600) * 3600.0
    nearest = (by + half) % SECONDS_A_DAY - half
    return np.where((hour > 0) & ~is_told, seconds + nearest, seconds)


def _is_told(codebook: Codebook, codes: NDArray[np.uint16]) -> NDArray[np.bool_]:
    """Whether a code alone tells the value, as that of a sentinel does. [n]."""
    every = np.arange(codebook.n_codes, dtype=np.uint16)
    least, most = (_numbers(codebook, every, np.full(len(every), u)) for u in (0.0, np.nextafter(1.0, 0.0)))
    return np.asarray(least == most)[codes]
