"""How alike two tables are, with nothing known about either: a judge simple enough to be checked by hand.

A column is cut into codes by its real values alone. Numbers (also those written as words, where at least half
of the words are numbers): a value of 5% and more is a code of its own, the rest falls into ten bins of equal
mass. Dates and times, typed or written: likewise, in seconds. All else: the ten most frequent values, and one
code for the rest. Null is a code; what cannot be read as the real values can is a code. An accuracy is
1 - total variation distance of the codes of a column, a pair or a triple.

A column whose values never repeat, other than numbers with decimals and dates, is an identifier: nothing of
it can be learned, so it is kept out of the scores. Columns that are words in both tables are judged by their
spelling too: the share of cells whose shape (digits as 9, letters as a, runs as one) is also a shape in the
real column. Beside the scores, and not in them: the accuracy of each date's weekday and each time's hour.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

POINT_MASS = 0.05
BINS = 10
FREQUENT = 10
FEWEST = 5  # rows that make a value frequent enough to be compared
TRIPLES = 200
DATES = (
    "%Y-%m-%d",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M:%S",
    "%d-%m-%Y",
    "%d-%b-%y",
    "%m/%d/%y",
    "%H:%M:%S",
    "%H:%M",
    "%d-%m-%Y %H:%M",
)
_NUMBER = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?\s*$"
Coder = Callable[[pd.Series], np.ndarray]  # a column -> int64 codes [rows]


@dataclass(frozen=True, kw_only=True)
class Judged:
    """Accuracies: means, those of a same-size draw of the real rows, and one a column and pair."""

    score: float
    univariate: float
    bivariate: float
    trivariate: float
    chance: float
    chance_trivariate: float
    columns: dict[str, float]
    pairs: dict[str, float]
    chance_columns: dict[str, float]
    spelling: dict[str, float]  # of columns of words
    calendar: dict[str, float]  # of the weekday and the hour of dates and times
    identifiers: list[str] = field(default_factory=list)

    @staticmethod
    def worst(accuracies: dict[str, float], count: int = 5) -> list[str]:
        """The lowest, as words."""
        return [
            f"{name} {value:.3f}" for name, value in sorted(accuracies.items(), key=lambda kv: kv[1])[:count]
        ]

    def misspelt(self, below: float = 0.98) -> list[str]:
        """Columns of which a share of cells looks like no real cell."""
        return self.worst({name: share for name, share in self.spelling.items() if share < below}, 8)


def judge(real: pd.DataFrame, synthetic: pd.DataFrame, seed: int = 0) -> Judged:
    """Compare; the synthetic table is cut to the real one's rows, and a missing column counts as nulls."""
    synthetic = synthetic.reindex(columns=real.columns).head(len(real))
    draw = real.sample(len(real), replace=True, random_state=seed)
    identifiers = [name for name in real.columns if is_identifier(real[name])]
    learned = [name for name in real.columns if name not in identifiers]
    coders = {name: coder_of(real[name]) for name in learned}
    codes = [{name: coders[name](frame[name]) for name in learned} for frame in (real, synthetic, draw)]
    pairs = list(combinations(learned, 2))
    triples = list(combinations(learned, 3))
    chosen = np.random.default_rng(seed).permutation(len(triples))[:TRIPLES]
    asked = ([(name,) for name in learned], pairs, [triples[at] for at in chosen])
    found, chance = (
        [{" x ".join(names): accuracy(codes[0], other, names) for names in kind} for kind in asked]
        for other in codes[1:]
    )
    one, two, three = map(_mean, found)
    most_one, most_two, most_three = map(_mean, chance)
    return Judged(
        score=(one + two) / 2,
        univariate=one,
        bivariate=two,
        trivariate=three,
        chance=(most_one + most_two) / 2,
        chance_trivariate=most_three,
        columns=found[0],
        pairs=found[1],
        chance_columns=chance[0],
        spelling={
            name: spelling(real[name], synthetic[name])
            for name in real.columns
            if _is_words(real[name]) and _is_words(synthetic[name])
        },
        calendar={
            f"{name} {part}": value
            for name in learned
            for part, value in calendar(real[name], synthetic[name]).items()
        },
        identifiers=identifiers,
    )


def _mean(accuracies: dict[str, float]) -> float:
    """NaN where there is nothing to compare, as triples of two columns."""
    return float(np.mean(list(accuracies.values()))) if accuracies else float("nan")


def accuracy(one: dict[str, np.ndarray], other: dict[str, np.ndarray], names: Sequence[str]) -> float:
    """1 - total variation distance of the joint codes."""
    sizes = [1 + max(int(one[name].max(initial=0)), int(other[name].max(initial=0))) for name in names]
    shares = []
    for codes in (one, other):
        joint = np.ravel_multi_index([codes[name] for name in names], sizes)
        shares.append(np.bincount(joint, minlength=int(np.prod(sizes))) / max(1, len(joint)))
    return 1 - float(np.abs(shares[0] - shares[1]).sum()) / 2


def is_identifier(column: pd.Series) -> bool:
    """Whether values never repeat, and are neither dates nor numbers with decimals."""
    filled = column.dropna()
    if len(filled) < 2 or filled.nunique() < 0.99 * len(filled):
        return False
    if seconds_reader(column) is not None:
        return False
    numbers = numbers_of(filled)
    return numbers.notna().mean() < 0.5 or bool((numbers.dropna() % 1 == 0).all())


def coder_of(real: pd.Series) -> Coder:
    """How to cut a column, and any other of the same meaning, into codes."""
    if (seconds := seconds_reader(real)) is not None:
        return _numeric(real, seconds)
    numbers = numbers_of(real.dropna())
    if numbers.notna().mean() >= 0.5 and numbers.nunique() > BINS:
        return _numeric(real, numbers_of)
    if len(numbers) and numbers.notna().all() and not _as_words(real).str.match(r"0\d").any():
        return _categories(real, _as_numbers)
    return _categories(real, _as_words)


def seconds_reader(real: pd.Series) -> Callable[[pd.Series], pd.Series] | None:
    """How to read a column of dates or times in seconds; None if it is none."""
    if is_date(real):
        return seconds_of
    form = date_format(real)
    return None if form is None else lambda column: _written_seconds(column, form)


def calendar(real: pd.Series, synthetic: pd.Series) -> dict[str, float]:
    """Accuracy of the weekday, and of the hour where there is one, of a column of dates or times."""
    read = seconds_reader(real)
    if read is None:
        return {}
    both = [read(column).dropna().to_numpy(dtype=float) for column in (real, synthetic)]
    if not (len(both[0]) and len(both[1])):
        return {}
    parts = {"weekday": [np.floor(seconds / 86_400) % 7 for seconds in both]}
    hours = [np.floor(seconds % 86_400 / 3_600) for seconds in both]
    if hours[0].any():
        parts["hour"] = hours
    return {
        name: accuracy(*({"": part.astype(np.int64)} for part in pair), [""]) for name, pair in parts.items()
    }


def is_date(column: pd.Series) -> bool:
    """Whether the type is a date or a timestamp."""
    return any(word in str(column.dtype) for word in ("date", "timestamp"))


def date_format(column: pd.Series) -> str | None:
    """The format in which at least 95% of a column of words can be read."""
    if not _is_words(column):
        return None
    filled = column.dropna()
    probe = filled.sample(min(len(filled), 2000), random_state=0).astype(object)
    for form in DATES:
        if len(probe) and pd.to_datetime(probe, format=form, errors="coerce").notna().mean() >= 0.95:
            return form
    return None


def numbers_of(column: pd.Series) -> pd.Series:
    """float64; NaN for what is none."""
    array = pa.array(column.astype(object).where(column.notna(), None))
    if pa.types.is_string(array.type):
        # pandas' own parser crashes on exponents of many digits, such as random hex has.
        array = pc.if_else(pc.match_substring_regex(array, _NUMBER), pc.utf8_trim_whitespace(array), None)
        array = pc.replace_substring_regex(array, r"^\+", "")
    elif pa.types.is_boolean(array.type):
        array = array.cast(pa.int8())
    elif not (_is_number(array.type) or pa.types.is_null(array.type)):
        array = pa.nulls(len(array))
    values = array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return pd.Series(np.where(np.isfinite(values), values, np.nan), index=column.index)


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)


def seconds_of(column: pd.Series) -> pd.Series:
    """Dates and timestamps as seconds since 1970; typed, or words that the other table writes them in."""
    if not is_date(column):
        column = column.astype(object).astype(str)
    stamps = column.astype(object).map(lambda value: _seconds(value))
    return stamps.astype("float64")


def _seconds(value: object) -> float:
    if value is None or value is pd.NaT:
        return float("nan")
    try:
        return (
            np.datetime64(str(value).replace(" ", "T")[:26]) - np.datetime64("1970-01-01T00:00:00")
        ) / np.timedelta64(1, "s")
    except ValueError:
        return float("nan")


def _written_seconds(column: pd.Series, form: str) -> pd.Series:
    if is_date(column):
        return seconds_of(column)
    read = pd.to_datetime(column.astype(object), format=form, errors="coerce")
    return read.map(lambda stamp: float("nan") if pd.isna(stamp) else stamp.timestamp())


def _numeric(real: pd.Series, read: Callable[[pd.Series], pd.Series]) -> Coder:
    values = read(real).dropna()
    shares = values.value_counts(normalize=True)
    masses = np.sort(shares[shares >= POINT_MASS].index.to_numpy(dtype=float))
    rest = values[~values.isin(masses)]
    edges = np.unique(np.quantile(rest, np.linspace(0, 1, BINS + 1)[1:-1])) if len(rest) else np.array([])

    def codes(column: pd.Series) -> np.ndarray:
        """0 null, 1 unreadable, then outside below and above, point masses, bins."""
        number = read(column).to_numpy(dtype=float)
        code = 4 + len(masses) + np.searchsorted(edges, number, side="right")
        if len(rest):
            code = np.where(number < rest.min(), 2, np.where(number > rest.max(), 3, code))
        for at, mass in enumerate(masses):
            code = np.where(number == mass, 4 + at, code)
        code = np.where(np.isnan(number), 1, code)
        return np.where(column.isna().to_numpy(), 0, code).astype(np.int64)

    return codes


def _categories(real: pd.Series, words: Callable[[pd.Series], pd.Series]) -> Coder:
    counts = words(real).value_counts()
    names = {name: 2 + at for at, name in enumerate(counts[counts >= FEWEST].index[:FREQUENT])}

    def codes(column: pd.Series) -> np.ndarray:
        """0 null, 1 the rest, then the most frequent values."""
        code = words(column).map(names).fillna(1).to_numpy(dtype=float)
        return np.where(column.isna().to_numpy(), 0, code).astype(np.int64)

    return codes


def _as_numbers(column: pd.Series) -> pd.Series:
    """Numbers as words that are alike whatever their type: 1, 1.0 and true are one."""
    return numbers_of(column).map(lambda number: None if pd.isna(number) else f"{number:.12g}")


def _as_words(column: pd.Series) -> pd.Series:
    return column.astype(object).map(lambda value: None if pd.isna(value) else str(value))


def _is_words(column: pd.Series) -> bool:
    return str(column.dtype) in ("object", "str", "string", "string[pyarrow]", "large_string[pyarrow]")


def spelling(real: pd.Series, synthetic: pd.Series) -> float:
    """Share of the synthetic cells, nulls apart, whose shape is one of the real cells'."""
    known, made = set(shapes(real)), shapes(synthetic)
    return float(made.isin(known).mean()) if len(made) else 1.0


def shapes(column: pd.Series) -> pd.Series:
    """Of each cell that is not null: digits as 9, letters as a or A, runs as one."""
    words = _as_words(column).dropna().astype(str)
    for pattern, sign in ((r"[^\W\d_]+", "a"), (r"\d+", "9"), (r"\s+", " ")):
        words = words.str.replace(pattern, sign, regex=True)
    return words
