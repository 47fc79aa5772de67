"""The shapes that a column comes in, whatever its values are."""

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from case import Case
from numpy.random import Generator

Shape = Callable[[Case, Generator, int], list[Any] | None]
"""(case, randomness, n) -> n values with None for null; None where the case has no such shape."""


def _distinct(case: Case, rng: Generator, wanted: int) -> list[Any]:
    """Up to `wanted` different values, in the order in which they were drawn."""
    found: dict[Any, None] = {}
    for _ in range(4):
        found |= dict.fromkeys(case.draw(rng, 2 * wanted))
        if len(found) >= wanted:
            break
    return list(found)[:wanted]


def _spread(values: list[Any], weights: Any, rng: Generator, n: int) -> list[Any]:
    shares = np.asarray(weights, dtype=np.float64)
    return [values[index] for index in rng.choice(len(values), n, p=shares / shares.sum())]


def _mixed(case: Case, rng: Generator, n: int, others: tuple[Any, ...], share: float) -> list[Any] | None:
    """Plain values, of which each of the others takes the place of a share."""
    if not others:
        return None
    places = np.floor(rng.random(n) / share).astype(int)
    plain = list(case.draw(rng, n))
    return [
        others[place] if place < len(others) else value
        for place, value in zip(places.tolist(), plain, strict=True)
    ]


def _plain(case: Case, rng: Generator, n: int) -> list[Any]:
    return list(case.draw(rng, n))


def _nulls(case: Case, rng: Generator, n: int) -> list[Any]:
    missing = (rng.random(n) < 0.3).tolist()
    return [None if gone else value for gone, value in zip(missing, case.draw(rng, n), strict=True)]


def _constant(case: Case, rng: Generator, n: int) -> list[Any]:
    return list(case.draw(rng, 1)) * n


def _skewed(case: Case, rng: Generator, n: int) -> list[Any]:
    values = _distinct(case, rng, 200)
    return _spread(values, np.arange(1.0, len(values) + 1) ** -1.3, rng, n)


def _one_value(case: Case, rng: Generator, n: int) -> list[Any]:
    (usual,) = case.draw(rng, 1)
    return [usual if rare > 0.01 else v for rare, v in zip(rng.random(n), case.draw(rng, n), strict=True)]


def _extremes(case: Case, rng: Generator, n: int) -> list[Any] | None:
    return _mixed(case, rng, n, case.outermost, 0.1)


def _sentinels(case: Case, rng: Generator, n: int) -> list[Any] | None:
    return _mixed(case, rng, n, case.sentinels, 0.2)


def _few(case: Case, rng: Generator, n: int) -> list[Any]:
    values = _distinct(case, rng, 3)
    return _spread(values, [5, 3, 2][: len(values)], rng, n)


def _all_distinct(case: Case, rng: Generator, n: int) -> list[Any] | None:
    values = _distinct(case, rng, n)
    return values if len(values) == n else None


SHAPES: dict[str, Shape] = {
    "plain": _plain,
    "nulls": _nulls,
    "constant": _constant,
    "skewed": _skewed,
    "one_value": _one_value,
    "extremes": _extremes,
    "sentinels": _sentinels,
    "few_distinct": _few,
    "all_distinct": _all_distinct,
}


def values_of(case: Case, shape: str, n: int) -> list[Any] | None:
    """The same n values whenever they are asked for; None if the case has no such shape."""
    seed = zlib.crc32(f"{case.name} {shape}".encode())
    return SHAPES[shape](case, np.random.default_rng(seed), n)
