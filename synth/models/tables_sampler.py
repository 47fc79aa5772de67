"""Rows from conditional tables and given uniforms, by the alias method: two look-ups a value."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synth.core.domain import Domain
from synth.models.tables import Grouping, Scope, Tables

_CELLS_AT_ONCE = 1 << 22
_MOST_TOGETHER = 64


@dataclass(frozen=True, kw_only=True)
class _Aliases:
    """The draw of one column: a slot by its parents and a uniform, then one of the slot's two codes.

    Attributes:
      column: where its codes go.
      parents: columns drawn before; `strides` the places that a group of each moves on.
      width: slots a row of parents has.
      keep: float64 [rows * width], probability of a slot's first code.
      first, second: uint16 [rows * width], the two codes of a slot.
    """

    column: int
    parents: Scope
    strides: tuple[int, ...]
    width: int
    keep: NDArray[np.float64]
    first: NDArray[np.uint16]
    second: NDArray[np.uint16]


class TablesSampler:
    """Draws the columns in the tables' order; a row takes one uniform for each column.

    Exact to the tables up to float64 rounding: of a uniform's 53 bits some choose the slot and the rest
    the code within it.
    """

    def __init__(self, tables: Tables) -> None:
        self.domain: Domain = tables.domain
        self._groups = [grouping.group for grouping in tables.groupings]
        self._steps = []
        for table in tables.tables:
            shape = table.probabilities.shape[:-1]
            strides = [int(np.prod(shape[place + 1 :])) for place in range(len(shape))]
            rows = table.probabilities.reshape(-1, table.probabilities.shape[-1])
            self._steps.append(
                _aliases(table.column, table.parents, strides, rows, tables.groupings[table.column])
            )
        self._tables = tables

    @property
    def n_uniforms(self) -> int:
        return len(self.domain)

    def given(self, fixed: Mapping[str, int]) -> "TablesSampler":
        """The sampler of rows in which these columns have these codes; exact.

        Raises: ValueError if the model holds the codes impossible.
        """
        return TablesSampler(self._tables.given(fixed))

    def starting(
        self, first: Mapping[int, NDArray[np.float64]], temperature: float
    ) -> "TablesSampler | StartedTables":
        """The sampler of rows in which these columns have these shares, the others drawn given them; exact.

        Raises: ValueError if the model holds codes impossible, there are too many of them together, or
          `temperature` is not 1.
        """
        if temperature != 1.0:
            raise ValueError("marginals have no temperature; leave generate.temperature at 1")
        return StartedTables(self._tables, first) if first else self

    def sample(self, uniforms: NDArray[np.float64]) -> NDArray[np.uint16]:
        """Rows of codes. [n, K] in [0, 1) -> [n, K]."""
        if uniforms.shape[1] != self.n_uniforms:
            raise ValueError(f"{uniforms.shape[1]} uniforms a row for {self.n_uniforms}")
        codes = np.empty((len(self.domain), len(uniforms)), dtype=np.uint16)
        groups: dict[int, NDArray[np.int64]] = {}
        for step in self._steps:
            slot = uniforms[:, step.column] * step.width
            whole = slot.astype(np.int64)
            slot -= whole
            for parent, stride in zip(step.parents, step.strides, strict=True):
                if parent not in groups:
                    groups[parent] = self._groups[parent][codes[parent]]
                whole += groups[parent] * (stride * step.width)
            codes[step.column] = np.where(slot < step.keep[whole], step.first[whole], step.second[whole])
        return codes.T


class StartedTables:
    """Draws some columns from given shares, then the others from the exact model given their codes."""

    def __init__(self, tables: Tables, first: Mapping[int, NDArray[np.float64]]) -> None:
        self.domain: Domain = tables.domain
        self._first = {column: np.cumsum(shares) for column, shares in first.items()}
        present = [np.flatnonzero(shares > 0).tolist() for shares in first.values()]
        n_together = int(np.prod([len(codes) for codes in present]))
        if n_together > _MOST_TOGETHER:
            raise ValueError(f"{n_together} combinations of given values are more than {_MOST_TOGETHER}")
        names = [self.domain.names[column] for column in first]
        self._given = {
            codes: TablesSampler(tables.given(dict(zip(names, codes, strict=True))))
            for codes in itertools.product(*present)
        }

    @property
    def n_uniforms(self) -> int:
        return len(self.domain)

    def starting(
        self, first: Mapping[int, NDArray[np.float64]], temperature: float
    ) -> "TablesSampler | StartedTables":
        """Raises: ValueError, for it has started."""
        raise ValueError("these rows have a start already")

    def sample(self, uniforms: NDArray[np.float64]) -> NDArray[np.uint16]:
        """Rows of codes. [n, K] in [0, 1) -> [n, K]."""
        columns = [
            np.searchsorted(reached / reached[-1], uniforms[:, column], side="right")
            for column, reached in self._first.items()
        ]
        firsts = np.stack(columns, axis=1)  # [n, given columns]
        rows = np.empty((len(uniforms), len(self.domain)), dtype=np.uint16)
        for codes, sampler in self._given.items():
            mine = (firsts == codes).all(axis=1)
            if mine.any():
                rows[mine] = sampler.sample(uniforms[mine])
        return rows


def _aliases(
    column: int, parents: Scope, strides: list[int], rows: NDArray[np.float64], grouping: Grouping
) -> _Aliases:
    """Alias tables of all rows at once, over the column's possible codes. rows: [R, groups]."""
    possible = np.flatnonzero((grouping.group >= 0) & (grouping.share > 0))
    width = len(possible)
    keep = np.empty((len(rows), width))
    second = np.empty((len(rows), width), dtype=np.uint16)
    for start in range(0, len(rows), max(1, _CELLS_AT_ONCE // width)):
        part = slice(start, start + max(1, _CELLS_AT_ONCE // width))
        probabilities = rows[part][:, grouping.group[possible]] * grouping.share[possible]
        keep[part], second[part] = _alias_rows(probabilities)
    return _Aliases(
        column=column,
        parents=parents,
        strides=tuple(strides),
        width=width,
        keep=keep.ravel(),
        first=np.tile(possible.astype(np.uint16), len(rows)),
        second=possible.astype(np.uint16)[second].ravel(),
    )


def _alias_rows(probabilities: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.uint16]]:
    """Walker's method on every row: what a slot keeps, and whose the rest is. [R, n] -> 2 x [R, n].

    In each of n - 1 rounds the smallest open slot is filled up by the largest, in all rows together.
    """
    n_rows, n = probabilities.shape
    mass = probabilities / probabilities.sum(axis=1, keepdims=True) * n
    keep = np.ones((n_rows, n))
    other = np.tile(np.arange(n, dtype=np.uint16), (n_rows, 1))
    is_open = np.ones((n_rows, n), dtype=bool)
    row = np.arange(n_rows)
    for _ in range(n - 1):
        small = np.where(is_open, mass, np.inf).argmin(axis=1)
        large = np.where(is_open, mass, -np.inf).argmax(axis=1)
        given = np.minimum(mass[row, small], 1.0)
        keep[row, small] = given
        other[row, small] = large
        mass[row, large] -= 1.0 - given
        is_open[row, small] = False
    return keep, other
