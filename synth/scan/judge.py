"""From one column's noisy class counts, its name and its declared settings to a finding.

All of it is post-processing: nothing here sees a value or an exact count.
"""

from dataclasses import dataclass
from typing import assert_never

from synth.config.sections import ColumnSettings, Scan
from synth.core.entity import Entity
from synth.core.finding import Finding
from synth.core.schema import Kind
from synth.lake.columns import ISO_DATE
from synth.scan.calendars import Calendar, dates, moments, numbers_as_calendar, times, typed_moments
from synth.scan.entities import CATALOGUE, EntitySpec, name_words
from synth.scan.evidence import ClassCounts, other_values
from synth.scan.pictures import decimals_of, numbers
from synth.scan.spellings import (
    AMOUNTS,
    DIGITS_OF_CLASS,
    INTEGERS,
    LENGTHS,
    LETTER,
    NO_VALUE,
    TRUTHS,
    written_null,
)

_STRANGE = 0.01  # share from which what is no number tells of the column
_SHORT = 0.95  # share of one and two digits that makes numbers few
_ALL_STRANGE = 0.2  # share of what is no number that makes words of all
_NAMED_WIDTH = 4  # digits of a code that can be named one by one
_DATE_ENTITIES = (Entity.BIRTH_DATE, Entity.DEATH_DATE)
_UNREADABLE = ("number_grouped", "date_other", "timestamp_other")
_PAIRS = (
    *(tuple(f"word {word}" for word in pair) for pair in TRUTHS),
    *((f"letter {yes}", f"letter {no}") for yes, no in ("YN", "yn", "TF", "tf")),
)
_SURE_A_CODE = 4.0  # noise scales of rows that each code would have if all of its width occurred
_FLOATS = ("float", "double")


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
    words = name_words(column)
    personal = _personal(words, counts, declared, settings)
    kind = declared.kind or _kind(spark_type, counts, declared, personal, words)
    written = _written(kind, spark_type, counts, words, usual_format)
    return Finding(
        column=column,
        kind=kind,
        entity=personal.entity if personal else None,
        share=personal.share if personal else None,
        null_share=counts.null_share,
        confidence=personal.confidence if personal else 0.0,
        evidence=personal.evidence if personal else (),
        decimals=written.decimals if declared.decimals is None else declared.decimals,
        format=written.format if declared.format is None else declared.format,
        step=written.step,
        null_spellings=_null_spellings(kind, spark_type, counts),
        digits=() if kind.is_binned else _digits(counts),
        value_class=None if kind.is_binned else _value_class(counts),
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
    # A name with values that may be it weighs less than values that tell, noise or not.
    named = 0.3 + 0.6 * counts.share((*spec.telling, *spec.possible)) if spec.is_named(words) else 0.0
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


def _kind(
    spark_type: str,
    counts: ClassCounts,
    declared: ColumnSettings,
    personal: _Personal | None,
    words: tuple[str, ...],
) -> Kind:
    if declared.categories is not None:
        return Kind.CATEGORICAL
    spec = _spec(personal.entity) if personal else None
    if spec is not None and spec.entity.is_direct:
        return spec.kind
    typed = _kind_of_type(spark_type)
    if typed in (None, Kind.INTEGER, Kind.REAL) and not spark_type.startswith("decimal"):
        found = numbers_as_calendar(counts, words)
        if found is not None:
            return Kind.DATE if found[1] else Kind.TIMESTAMP
    if typed is not None:
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
    if _are_mostly(counts, moments(counts).classes):
        return Kind.TIMESTAMP
    if spec is not None and spec.entity in _DATE_ENTITIES and not counts.surely_hold(_UNREADABLE, 0.5):
        return Kind.DATE
    if _are_mostly(counts, dates(counts).classes):
        return Kind.DATE
    if _are_mostly(counts, times(counts).classes):
        return _number_kind(counts)
    if _is_boolean(counts):
        return Kind.BOOLEAN
    if (kind := _kind_of_numbers(counts)) is not None:
        return kind
    broken = (*_UNREADABLE, *numbers(counts).damaged)
    if counts.surely_hold(broken, 0.0) and counts.share((*broken, *numbers(counts).classes)) >= 0.5:
        return Kind.TEXT
    return Kind.TEXT if counts.surely_hold(["long_text"], 0.5) else Kind.CATEGORICAL


def _are_mostly(counts: ClassCounts, classes: tuple[str, ...]) -> bool:
    """Whether most values are of these classes, and no more are seen of others: one of a thousand spellings
    of calendars may stand out by noise alone, beside the values that are there."""
    rest = other_values(frozenset(classes))
    return counts.most(classes, of=counts.n_values) and counts.seen(classes) >= counts.seen(rest)


def _is_boolean(counts: ClassCounts) -> bool:
    """Whether both words of a pair occur, and hardly anything else: a lone `n` says nothing."""
    return any(
        all(counts.surely_hold([word], 0.0) for word in pair) and counts.most(pair, of=counts.n_values)
        for pair in _PAIRS
    )


def _kind_of_numbers(counts: ClassCounts) -> Kind | None:
    """The kind of a column of numbers, possibly with letters or a few words among them; None if it is none.

    Numbers that a spreadsheet broke leave a column numeric, as long as enough whole ones are left to learn.
    """
    found = numbers(counts)
    letters = sum(counts.sure(LETTER).values())
    undamaged = counts.n_values - counts.seen(found.damaged) - letters
    if not counts.most(found.classes, of=undamaged, least=0.25):
        return None
    if counts.surely_hold(AMOUNTS["0+"], 0.0) and counts.surely_hold(INTEGERS, 0.0):
        return Kind.CATEGORICAL  # 0, 1, 2, 3+: the last stands for all that is more
    strange = other_values(frozenset((*found.classes, *found.damaged)))
    held = max(counts.n_values, 1)
    if counts.surely_hold(strange, _STRANGE):
        small = counts.seen((*LENGTHS[:2], "integer_minus"))
        if small >= _SHORT * counts.seen(found.classes) or letters >= 0.5 * held:
            return Kind.CATEGORICAL
        if counts.seen(strange) - letters >= _ALL_STRANGE * held:
            return Kind.CATEGORICAL
    if found.width is None:
        return _number_kind(counts)
    # Codes with leading zeros: few enough are named one by one; of the others the shape is kept.
    can_name = counts.n_values > _SURE_A_CODE * counts.noise_scale * 10.0**found.width
    if found.width == 0 or (found.width <= _NAMED_WIDTH and can_name):
        return Kind.CATEGORICAL
    return Kind.INTEGER


def _number_kind(counts: ClassCounts) -> Kind:
    if counts.most(times(counts).classes, of=counts.n_values):
        return Kind.REAL if times(counts).decimals else Kind.INTEGER
    return Kind.INTEGER if numbers(counts).is_whole else Kind.REAL


@dataclass(frozen=True, kw_only=True)
class _Written:
    decimals: int | None = None
    format: str | None = None
    step: float | None = None


def _written(
    kind: Kind, spark_type: str, counts: ClassCounts, words: tuple[str, ...], usual_format: str
) -> _Written:
    """How the values of a binned column are written."""
    typed = _kind_of_type(spark_type)
    match kind:
        case Kind.DATE | Kind.TIMESTAMP if typed in (Kind.DATE, Kind.TIMESTAMP):
            if kind is Kind.DATE or typed is Kind.DATE:
                return _Written()
            return _of_calendar(typed_moments(counts))
        case Kind.DATE | Kind.TIMESTAMP:
            found = numbers_as_calendar(counts, words)
            if found is not None:
                return _of_calendar(found[0])
            if typed is not None:
                return _Written()
            return _of_calendar(dates(counts, usual_format) if kind is Kind.DATE else moments(counts))
        case Kind.INTEGER | Kind.REAL if typed is not None:
            return _Written(decimals=_decimals(spark_type, counts) if kind is Kind.REAL else None)
        case Kind.INTEGER | Kind.REAL:
            clock = times(counts)
            if counts.most(clock.classes, of=counts.n_values):
                return _of_calendar(clock)
            found_numbers = numbers(counts)
            decimals = found_numbers.decimals if kind is Kind.REAL else None
            return _Written(decimals=decimals, format=found_numbers.picture)
        case Kind.CATEGORICAL | Kind.ORDERED | Kind.BOOLEAN | Kind.TEXT | Kind.ID | Kind.PLACE:
            return _Written()
        case _:
            assert_never(kind)


def _of_calendar(calendar: Calendar) -> _Written:
    return _Written(decimals=calendar.decimals, format=calendar.format, step=calendar.step)


def _decimals(spark_type: str, counts: ClassCounts) -> int | None:
    """The digits after the point of a typed column of reals."""
    found = decimals_of(counts)
    if spark_type.startswith("decimal("):
        scale = int(spark_type.rstrip(")").split(",")[1])
        return scale if found is None else min(scale, found)
    return found


def _null_spellings(kind: Kind, spark_type: str, counts: ClassCounts) -> tuple[tuple[str | None, float], ...]:
    """How the missing values of a binned column are written; empty if all of them are null."""
    if not kind.is_binned or not (_kind_of_type(spark_type) is None or spark_type in _FLOATS):
        return ()
    letters = LETTER if kind in (Kind.INTEGER, Kind.REAL) else ()
    found: dict[str | None, float] = {}
    # Infinities of typed numbers are numbers, which have bins of their own.
    missing = NO_VALUE if _kind_of_type(spark_type) is None else ("null", "nan")
    for name, count in counts.sure((*missing, *letters)).items():
        word = written_null(name)
        found[word] = found.get(word, 0.0) + count
    if set(found) <= {None}:
        return ()
    total = sum(found.values())
    return tuple((word, round(count / total, 4)) for word, count in found.items())


def _digits(counts: ClassCounts) -> tuple[tuple[int, float], ...]:
    """Shares of the numbers of digits of a column of whole numbers that is made up."""
    lengths: dict[int, float] = {}
    for length, classes in DIGITS_OF_CLASS.items():
        if (count := counts.seen(classes)) > 0:
            lengths[length] = count
    total = sum(lengths.values())
    if total < 0.5 * counts.n_values or total <= 0:
        return ()
    return tuple((length, round(count / total, 4)) for length, count in lengths.items())


def _value_class(counts: ClassCounts) -> str | None:
    """The class of most values; None if no class stands out."""
    sure = counts.sure(other_values(frozenset()))
    return max(sure, key=lambda name: sure[name]) if sure else None
