"""From one column's noisy class counts, its name and its declared settings to a finding.

All of it is post-processing: nothing here sees a value or an exact count.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import assert_never

from synth.config.sections import ColumnSettings, Scan
from synth.core.entity import Entity
from synth.core.finding import Finding
from synth.core.schema import Kind
from synth.lake.columns import ISO_DATE, ISO_TIMESTAMP
from synth.scan.classes import REALS
from synth.scan.entities import CATALOGUE, EntitySpec, name_words
from synth.scan.evidence import ClassCounts

INTEGERS = ("integer", "digits_9", "digits_10_to_12", "digits_13_to_19", "card_valid", "date_compact")
NUMBERS = (*INTEGERS, *REALS, "real_many", "digits_zero_padded")
_FEW = 0.02  # share below which reals among integers, or leading zeros, are strays
# Standard deviations of noise by which dates stand out: in the best of a dozen formats of one column,
# and in the formats that are then summed over all columns.
_OWN_FORMAT, _ANY_FORMAT = 4.0, 3.0
_DATE_ENTITIES = (Entity.BIRTH_DATE, Entity.DEATH_DATE)
_UNREADABLE = ("number_grouped", "date_other", "timestamp_other")

DATE_FORMATS: dict[str, tuple[str, ...]] = {
    ISO_DATE: ("date_iso",),
    "%Y%m%d": ("date_compact",),
    "%Y/%m/%d": ("date_ymd_slash",),
    **{
        date_format: tuple(f"date_{order}_slash_{pad}" for order in orders for pad in pads)
        for date_format, orders, pads in (
            ("%m/%d/%Y", ("mdy", "either"), ("padded", "two")),
            ("%-m/%-d/%Y", ("mdy", "either"), ("bare", "two")),
            ("%d/%m/%Y", ("dmy", "either"), ("padded", "two")),
            ("%-d/%-m/%Y", ("dmy", "either"), ("bare", "two")),
        )
    },
    "%d.%m.%Y": ("date_dmy_dot_padded", "date_dmy_dot_two"),
    "%-d.%-m.%Y": ("date_dmy_dot_bare", "date_dmy_dot_two"),
    "%m-%d-%Y": ("date_mdy_dash", "date_either_dash"),
    "%d-%m-%Y": ("date_dmy_dash", "date_either_dash"),
}
"""strptime format -> the classes of the dates that it writes."""

_TIMESTAMP_FORMATS: dict[str, tuple[str, ...]] = {
    ISO_TIMESTAMP: ("timestamp_space",),
    "%Y-%m-%d %H:%M": ("timestamp_minutes",),
    "%Y-%m-%dT%H:%M:%S": ("timestamp_t",),
    "%Y-%m-%dT%H:%M:%SZ": ("timestamp_tz",),
}


@dataclass(frozen=True, kw_only=True)
class _Personal:
    """The personal data that a column was judged to hold."""

    entity: str
    share: float
    confidence: float
    evidence: tuple[str, ...]


def judge(
    column: str,
    spark_type: str,
    counts: ClassCounts,
    declared: ColumnSettings | None,
    settings: Scan,
    usual_format: str = ISO_DATE,
) -> Finding:
    """What the column holds and how it is best modelled; whatever is declared wins.

    Args:
      spark_type: Spark's simple string; typed columns keep their type's kind.
      usual_format: how the table's dates are mostly written, for columns too sparse to tell.
    Returns: direct identifiers have the kind id or text, so that they are made up; quasi-identifiers are
      flagged and keep the kind of their values.
    """
    declared = declared or ColumnSettings()
    personal = _personal(name_words(column), counts, declared, settings)
    kind = declared.kind or _kind(spark_type, counts, declared, personal)
    return Finding(
        column=column,
        kind=kind,
        entity=personal.entity if personal else None,
        share=personal.share if personal else None,
        null_share=counts.null_share,
        confidence=personal.confidence if personal else 0.0,
        evidence=personal.evidence if personal else (),
        decimals=_decimals(spark_type, counts, declared) if kind is Kind.REAL else None,
        format=_format(kind, spark_type, counts, declared, usual_format),
    )


def _personal(
    words: tuple[str, ...], counts: ClassCounts, declared: ColumnSettings, settings: Scan
) -> _Personal | None:
    if declared.entity is not None:
        spec = _spec(declared.entity)
        share = counts.share((*spec.telling, *spec.possible)) if spec else 0.0
        return _Personal(entity=declared.entity, share=share, confidence=1.0, evidence=("declared",))
    candidates = [spec for spec in CATALOGUE if _speaks_for(spec, words, counts, settings)]
    if not candidates:
        candidates = _mixed(counts, settings)
    if not candidates:
        return None
    return _weigh(max(candidates, key=lambda spec: _weight(spec, words, counts)), words, counts)


def _speaks_for(spec: EntitySpec, words: tuple[str, ...], counts: ClassCounts, settings: Scan) -> bool:
    """By its values alone, or by its name where the values do not speak against it."""
    if not counts.are_few and counts.surely_hold(spec.telling, settings.min_share):
        return True
    return spec.is_named(words) and not counts.is_contradicted(
        (*spec.telling, *spec.possible), settings.min_share_named
    )


def _mixed(counts: ClassCounts, settings: Scan) -> list[EntitySpec]:
    """The most frequent entity of a column that mixes several, none of which makes up its share alone."""
    telling = [name for spec in CATALOGUE if spec.entity.is_direct for name in spec.telling]
    if counts.are_few or not counts.surely_hold(telling, settings.min_share):
        return []
    return [max(CATALOGUE, key=lambda spec: counts.share(spec.telling))]


def _weight(spec: EntitySpec, words: tuple[str, ...], counts: ClassCounts) -> float:
    named = 0.3 + 0.7 * counts.share((*spec.telling, *spec.possible)) if spec.is_named(words) else 0.0
    return counts.share(spec.telling) + named


def _weigh(spec: EntitySpec, words: tuple[str, ...], counts: ClassCounts) -> _Personal:
    is_named = spec.is_named(words)
    telling, checked = counts.share(spec.telling), counts.share(spec.checked)
    share = counts.share((*spec.telling, *spec.possible)) if is_named else telling
    evidence = [
        *(["name"] if is_named else []),
        *(["pattern"] if telling > 0 else ["values"] if share > 0 else []),
        *(["checksum"] if checked > 0 and checked >= telling / 2 else []),
    ]
    doubt = (1 - 0.9 * telling) * (1 - 0.5 * checked)
    if is_named:
        doubt *= 0.5 - 0.3 * share
    return _Personal(
        entity=spec.entity.value,
        share=round(share, 4),
        confidence=round(1 - doubt, 2),
        evidence=tuple(evidence),
    )


def _kind(spark_type: str, counts: ClassCounts, declared: ColumnSettings, personal: _Personal | None) -> Kind:
    if declared.categories is not None:
        return Kind.CATEGORICAL
    spec = _spec(personal.entity) if personal else None
    if spec is not None and spec.entity.is_direct:
        return spec.kind
    if (typed := _kind_of_type(spark_type)) is not None:
        return typed
    kind = _kind_of_texts(counts, spec)
    has_bounds = declared.lower is not None or declared.upper is not None
    return _number_kind(counts) if has_bounds and not kind.is_binned else kind


def _spec(entity: str) -> EntitySpec | None:
    """The catalogue's entry; None for a declared entity that it does not know."""
    return next((spec for spec in CATALOGUE if spec.entity == entity), None)


def _kind_of_type(spark_type: str) -> Kind | None:
    """The kind of a typed column; None for strings."""
    match spark_type.split("(")[0]:
        case "tinyint" | "smallint" | "int" | "integer" | "bigint":
            return Kind.INTEGER
        case "decimal":
            return Kind.INTEGER if spark_type.endswith(",0)") else Kind.REAL
        case "float" | "double":
            return Kind.REAL
        case "date":
            return Kind.DATE
        case "timestamp" | "timestamp_ntz":
            return Kind.TIMESTAMP
        case "boolean":
            return Kind.BOOLEAN
        case "string" | "varchar" | "char":
            return None
        case _:
            return Kind.TEXT


def _kind_of_texts(counts: ClassCounts, spec: EntitySpec | None) -> Kind:
    undamaged = counts.n_values - counts.seen(["number_grouped"])
    if counts.most(_TIMESTAMP_FORMATS[_best(_TIMESTAMP_FORMATS, counts)], of=counts.n_values):
        return Kind.TIMESTAMP
    if spec is not None and spec.entity in _DATE_ENTITIES and not counts.surely_hold(_UNREADABLE, 0.5):
        return Kind.DATE
    if counts.most(DATE_FORMATS[_best(DATE_FORMATS, counts)], of=counts.n_values):
        return Kind.DATE
    if counts.most(["boolean_word"], of=counts.n_values):
        return Kind.BOOLEAN
    # Numbers that a spreadsheet broke leave a column numeric, as long as enough whole ones are left to learn.
    if counts.most(NUMBERS, of=undamaged, least=0.25):
        # Leading zeros are lost in numbers, and codes such as 01013 are not numbers.
        return Kind.CATEGORICAL if counts.surely_hold(["digits_zero_padded"], _FEW) else _number_kind(counts)
    if counts.surely_hold(_UNREADABLE, 0.0) and counts.share((*_UNREADABLE, *NUMBERS)) >= 0.5:
        return Kind.TEXT
    return Kind.TEXT if counts.surely_hold(["long_text"], 0.5) else Kind.CATEGORICAL


def _number_kind(counts: ClassCounts) -> Kind:
    return Kind.REAL if counts.surely_hold((*REALS, "real_many"), _FEW) else Kind.INTEGER


def _decimals(spark_type: str, counts: ClassCounts, declared: ColumnSettings) -> int | None:
    """The fewest digits after the point that 19 numbers in 20 make do with; None if they need too many."""
    if declared.decimals is not None:
        return declared.decimals
    if spark_type.startswith("decimal("):
        return int(spark_type.rstrip(")").split(",")[1])
    for places in range(len(REALS) + 1):
        if not counts.surely_hold((*REALS[places:], "real_many"), 0.05):
            return places
    return None


def _format(
    kind: Kind, spark_type: str, counts: ClassCounts, declared: ColumnSettings, usual_format: str
) -> str | None:
    if declared.format is not None or _kind_of_type(spark_type) is not None:
        return declared.format
    match kind:
        case Kind.DATE:
            best = _best(DATE_FORMATS, counts)
            return best if counts.height(DATE_FORMATS[best]) > _OWN_FORMAT else usual_format
        case Kind.TIMESTAMP:
            return _best(_TIMESTAMP_FORMATS, counts)
        case (
            Kind.CATEGORICAL
            | Kind.ORDERED
            | Kind.BOOLEAN
            | Kind.INTEGER
            | Kind.REAL
            | Kind.TEXT
            | Kind.ID
            | Kind.PLACE
        ):
            return None
        case _:
            assert_never(kind)


def usual_date_format(columns: Iterable[ClassCounts]) -> str:
    """How most of a table's dates are written, judged from all columns together; ISO if there are none."""
    totals = dict.fromkeys(DATE_FORMATS, 0.0)
    for counts in columns:
        for date_format, classes in DATE_FORMATS.items():
            if counts.height(classes) > _ANY_FORMAT:
                totals[date_format] += counts.raw(classes)
    return max(totals, key=lambda date_format: totals[date_format])


def _best(formats: dict[str, tuple[str, ...]], counts: ClassCounts) -> str:
    """The format that writes most of the values; the first one if several do."""
    return max(formats, key=lambda date_format: counts.raw(formats[date_format]))
