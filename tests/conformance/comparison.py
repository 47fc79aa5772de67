"""Whether a column came back: its type, nulls, words for missing, point masses, range, distribution, form."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from case import Back, Case
from numpy.typing import NDArray

_OF_ONE_KIND = 2


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """How much a copy may differ.

    Attributes:
      share: of any share: of nulls, of a point mass, of a word for missing.
      mass: share from which a value of the source must come back as that very value.
      distance: total variation over tenths of the values that are no point masses.
      beyond: how far values may lie outside the real range, as a share of it.
      misspelled: share of rows that may be written unlike any value of the source.
      names_all: whether every value that repeats can be named.
    """

    share: float
    mass: float
    distance: float
    beyond: float
    misspelled: float
    names_all: bool


EXACT = Tolerance(share=0.025, mass=0.05, distance=0.08, beyond=0.01, misspelled=0.0, names_all=True)
"""Without noise: only the place within a bin is left to chance."""
PRIVATE = Tolerance(share=0.1, mass=0.2, distance=0.25, beyond=0.25, misspelled=0.02, names_all=False)
"""At epsilon 10, 4,096 rows, ten columns."""


@dataclass(frozen=True, kw_only=True)
class _Column:
    """A column's values, parted: those that read as numbers, and the others as text."""

    n: int
    nulls: int
    numbers: NDArray[np.float64]
    words: Counter[str]
    texts: Counter[str]


def complaints(
    case: Case, real: Sequence[Any], copy: Sequence[Any], tolerance: Tolerance, *, keys: bool
) -> list[str]:
    """What did not come back, in words; empty if all did.

    Args:
      real, copy: as cases draw values, None for null.
      keys: whether no two of the real values are equal.
    """
    a, b = _parted(case, real), _parted(case, copy)
    found = [
        _unlike("nulls", a.nulls / a.n, b.nulls / b.n, tolerance.share),
        _misspelled(case, a, b, tolerance.misspelled),
    ]
    if keys and case.are_keys:
        distinct = len({value for value in copy if value is not None})
        found.append(f"wanted {len(real)} different keys, got {distinct}" if distinct < len(real) else None)
    match case.back:
        case Back.NUMBERS | Back.TIMES:
            found += _of_words(a, b, tolerance, all_words=False)
            found += _of_numbers(a, b, tolerance)
        case Back.CATEGORIES:
            found += _of_words(a, b, tolerance, all_words=tolerance.names_all)
        case Back.MADE_UP:
            found += [_copied(case, a, b)]
        case Back.REFUSED:
            raise ValueError(f"{case.name} does not come back at all")
    return _shortened([complaint for complaint in found if complaint])


def _shortened(found: list[str]) -> list[str]:
    """Of many complaints of one kind the first two."""
    kinds = Counter[str]()
    kept = []
    for complaint in found:
        kind = " ".join(complaint.split()[:2]) if complaint.startswith("point") else complaint.split()[0]
        kinds[kind] += 1
        if kinds[kind] <= _OF_ONE_KIND:
            kept.append(complaint)
    return kept


def _parted(case: Case, values: Sequence[Any]) -> _Column:
    present = [value for value in values if value is not None]
    numbers: list[float] = []
    words: Counter[str] = Counter()
    for value in present:
        number = _number(case, value)
        if number is None:
            words[_text(value)] += 1
        else:
            numbers.append(number)
    return _Column(
        n=len(values),
        nulls=len(values) - len(present),
        numbers=np.array(numbers, dtype=np.float64),
        words=words,
        texts=Counter(_text(value) for value in present),
    )


def _number(case: Case, value: Any) -> float | None:
    if case.read is None:
        return None
    try:
        number = case.read(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _text(value: Any) -> str:
    """How a value is shown: numbers as Python does, decimals with all their digits."""
    return format(value, "f") if hasattr(value, "as_tuple") else str(value)


def _share(share: float) -> str:
    return f"{share:.1%}"


def _unlike(what: str, wanted: float, got: float, most: float) -> str | None:
    if abs(wanted - got) <= most:
        return None
    return f"{what}: wanted {_share(wanted)}, got {_share(got)}"


def _misspelled(case: Case, real: _Column, copy: _Column, most: float) -> str | None:
    patterns = [case.spelling] if case.made_up is None else [case.spelling, case.made_up]
    allowed = re.compile("|".join(f"(?:{pattern})" for pattern in patterns))
    unlike = [text for text in copy.texts if text not in real.texts and not allowed.fullmatch(text)]
    share = sum(copy.texts[text] for text in unlike) / copy.n
    if share <= most:
        return None
    return f"spelling: {_share(share)} of the rows are unlike the source's, such as {min(unlike)!r}"


def _copied(case: Case, real: _Column, copy: _Column) -> str | None:
    """Made-up keys are nobody's."""
    both = set(real.texts) & set(copy.texts) if case.are_keys else set()
    sentinels = {_text(value) for value in case.sentinels}
    return f"made up: {len(both - sentinels)} real values came out" if both - sentinels else None


def _of_words(a: _Column, b: _Column, tolerance: Tolerance, *, all_words: bool) -> list[str | None]:
    found = [
        _unlike(f"value {word!r}", count / a.n, b.words[word] / b.n, tolerance.share)
        for word, count in a.words.items()
        if count >= tolerance.mass * a.n
    ]
    found += [
        f"value {word!r}: {_share(count / b.n)} of the copy, none in the source"
        for word, count in b.words.items()
        if word not in a.words and count >= tolerance.mass * b.n
    ]
    if all_words and a.words and b.words:
        distance = _variation(
            [a.words[w] for w in a.words | b.words], [b.words[w] for w in a.words | b.words]
        )
        if distance > tolerance.distance:
            found.append(f"distribution of values: distance {distance:.3f}, wanted {tolerance.distance}")
    return found


def _of_numbers(a: _Column, b: _Column, tolerance: Tolerance) -> list[str | None]:
    if not len(a.numbers):
        return [f"{len(b.numbers)} numbers where the source has none"] if len(b.numbers) else []
    if not len(b.numbers):
        return ["no number came back"]
    found = _of_masses(a, b, tolerance)
    low, high = a.numbers.min(), a.numbers.max()
    slack = tolerance.beyond * (high - low) + 1e-9 * max(abs(low), abs(high))
    if b.numbers.min() < low - slack or b.numbers.max() > high + slack:
        wanted = f"{low:.12g} .. {high:.12g}"
        found.append(f"range: wanted {wanted}, got {b.numbers.min():.12g} .. {b.numbers.max():.12g}")
    masses = [value for value, share in _masses(a).items() if share >= tolerance.mass]
    rest_a, rest_b = (_without(column.numbers, masses) for column in (a, b))
    if len(rest_a) >= 0.1 * a.n and not len(rest_b):
        found.append("values beside the point masses: none came back")
    elif len(rest_a) >= 0.1 * a.n:
        edges = _tenths(rest_a)
        counts = [np.bincount(np.searchsorted(edges, rest, side="right"), minlength=len(edges) + 1)
                  for rest in (rest_a, rest_b)]  # fmt: skip
        distance = _variation(*counts)
        if distance > tolerance.distance:
            found.append(f"distribution: distance {distance:.3f}, wanted {tolerance.distance}")
    return found


def _tenths(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Edges of tenths, half way to the value below: one that comes back rounded stays in its tenth."""
    distinct = np.unique(values)
    edges = np.unique(np.quantile(values, np.linspace(0, 1, 11)[1:-1], method="higher"))
    places = np.searchsorted(distinct, edges)
    below = distinct[np.maximum(places - 1, 0)]
    return np.asarray(below / 2 + edges / 2)


def _of_masses(a: _Column, b: _Column, tolerance: Tolerance) -> list[str | None]:
    wanted, got = _masses(a), _masses(b)
    found = [
        _unlike(f"point mass {value:.12g}", share, got.get(value, 0.0), tolerance.share)
        for value, share in wanted.items()
        if share >= tolerance.mass
    ]
    found += [
        f"point mass {value:.12g}: wanted {_share(wanted.get(value, 0.0))}, got {_share(share)}"
        for value, share in got.items()
        if share >= tolerance.mass > wanted.get(value, 0.0)
        and share - wanted.get(value, 0.0) > tolerance.share
    ]
    return found


def _masses(column: _Column) -> dict[float, float]:
    """Shares of values that are equal to twelve digits."""
    return {value: count / column.n for value, count in Counter(_rounded(column.numbers)).items()}


def _rounded(numbers: NDArray[np.float64]) -> list[float]:
    return [float(f"{number:.12g}") + 0.0 for number in numbers.tolist()]


def _without(numbers: NDArray[np.float64], masses: Sequence[float]) -> NDArray[np.float64]:
    known = set(masses)
    kept = [number for number in _rounded(numbers) if number not in known]
    return np.array(kept, dtype=np.float64)


def _variation(a: Sequence[float] | NDArray[Any], b: Sequence[float] | NDArray[Any]) -> float:
    """Total variation of two histograms. [k], [k] -> in [0, 1]."""
    shares = [np.asarray(counts, dtype=np.float64) / max(float(np.sum(counts)), 1.0) for counts in (a, b)]
    return float(np.abs(shares[0] - shares[1]).sum() / 2)
