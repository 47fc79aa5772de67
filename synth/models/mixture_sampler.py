"""Rows from a mixture and given uniforms: a part, then down the trees; one look-up a value."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synth.core.domain import Domain
from synth.models.mixture import Parts
from synth.models.tables import Grouping

_MOST_TOGETHER = 1024


@dataclass(frozen=True, kw_only=True)
class _Draw:
    """How one column is drawn.

    Attributes:
      reached: float64 [rows * d]: a row's number plus the distribution of its groups added up, so that one
        search finds row and group; the rows are those of parts, or of part and parent's group.
      width: d. n_above: groups of the parent; 1 for a root.
      single: uint16 [d], the code of a group of one code.
      several: of each group of more codes, their shares added up and the codes.
    """

    column: int
    parent: int | None
    reached: NDArray[np.float64]
    width: int
    n_above: int
    single: NDArray[np.uint16]
    several: Mapping[int, tuple[NDArray[np.float64], NDArray[np.uint16]]]


class MixtureSampler:
    """Draws the part by a row's last uniform, and each column by one of its own.

    Exact to the tables up to float64 rounding.
    """

    def __init__(self, parts: Parts, like: "MixtureSampler | None" = None) -> None:
        """Args:
        like: a sampler of a model that some tables are shared with; what was made of them is shared too.
        """
        self.domain: Domain = parts.domain
        self._parts = parts
        self._weights = _reached(parts.weights[None, :])
        shared: dict[int, _Draw] = {} if like is None else {draw.column: draw for draw in like._draws}
        for column in list(shared):
            if like is None or parts.tables[column] is not like._parts.tables[column]:
                del shared[column]
        self._draws: list[_Draw] = [
            shared.get(column) or _draw_of(parts, column) for column in parts.forest.order
        ]

    @property
    def n_uniforms(self) -> int:
        return len(self.domain) + 1

    def starting(
        self, first: Mapping[int, NDArray[np.float64]], temperature: float
    ) -> "MixtureSampler | StartedMixture":
        """The sampler of rows in which these columns have these shares, the others drawn given them; exact.

        Raises: ValueError if the model holds codes impossible, there are too many of them together, or
          `temperature` is not 1.
        """
        if temperature != 1.0:
            raise ValueError("marginals have no temperature; leave generate.temperature at 1")
        return StartedMixture(self, self._parts, first) if first else self

    def sample(self, uniforms: NDArray[np.float64]) -> NDArray[np.uint16]:
        """Rows of codes. [n, K + 1] in [0, 1) -> [n, K]."""
        if uniforms.shape[1] != self.n_uniforms:
            raise ValueError(f"{uniforms.shape[1]} uniforms a row for {self.n_uniforms}")
        part = _found(self._weights, np.zeros(len(uniforms), np.int64), uniforms[:, -1], self._weights.size)
        codes = np.empty((len(self.domain), len(uniforms)), dtype=np.uint16)
        groups: dict[int, NDArray[np.int64]] = {}
        for draw in self._draws:
            row = part if draw.parent is None else part * draw.n_above + groups[draw.parent]
            uniform = uniforms[:, draw.column]
            group = _found(draw.reached, row, uniform, draw.width)
            groups[draw.column] = group
            codes[draw.column] = draw.single[group]
            for number, (reached, of_group) in draw.several.items():
                mine = np.flatnonzero(group == number)
                if mine.size:
                    within = _left_over(draw, row[mine], number, uniform[mine])
                    place = np.searchsorted(reached, within, side="right")
                    codes[draw.column, mine] = of_group[np.minimum(place, len(of_group) - 1)]
        return codes.T


class StartedMixture:
    """Draws some columns from given shares, then the others from the exact model given their codes."""

    def __init__(self, plain: MixtureSampler, parts: Parts, first: Mapping[int, NDArray[np.float64]]) -> None:
        self.domain: Domain = parts.domain
        self._plain = plain
        self._first = {column: np.cumsum(shares) for column, shares in first.items()}
        present = [np.flatnonzero(shares > 0).tolist() for shares in first.values()]
        n_together = int(np.prod([len(codes) for codes in present]))
        if n_together > _MOST_TOGETHER:
            raise ValueError(f"{n_together} combinations of given values are more than {_MOST_TOGETHER}")
        self._given = {
            codes: parts.given(dict(zip(first, codes, strict=True))) for codes in itertools.product(*present)
        }
        self._samplers: dict[tuple[int, ...], MixtureSampler] = {}

    @property
    def n_uniforms(self) -> int:
        return len(self.domain) + 1

    def starting(
        self, first: Mapping[int, NDArray[np.float64]], temperature: float
    ) -> "MixtureSampler | StartedMixture":
        """Raises: ValueError, for it has started."""
        raise ValueError("these rows have a start already")

    def sample(self, uniforms: NDArray[np.float64]) -> NDArray[np.uint16]:
        """Rows of codes. [n, K + 1] in [0, 1) -> [n, K]."""
        columns = [
            np.searchsorted(reached / reached[-1], uniforms[:, column], side="right")
            for column, reached in self._first.items()
        ]
        firsts = np.stack(columns, axis=1)  # [n, given columns]
        rows = np.empty((len(uniforms), len(self.domain)), dtype=np.uint16)
        for codes in np.unique(firsts, axis=0):
            mine = (firsts == codes).all(axis=1)
            rows[mine] = self._sampler(tuple(codes.tolist())).sample(uniforms[mine])
        return rows

    def _sampler(self, codes: tuple[int, ...]) -> MixtureSampler:
        if codes not in self._samplers:
            self._samplers[codes] = MixtureSampler(self._given[codes], like=self._plain)
        return self._samplers[codes]


def _draw_of(parts: Parts, column: int) -> _Draw:
    table, parent = parts.tables[column], parts.forest.parents[column]
    single, several = _codes(parts.groupings[column])
    return _Draw(
        column=column,
        parent=parent,
        reached=_reached(table.reshape(-1, table.shape[-1])),
        width=table.shape[-1],
        n_above=1 if parent is None else table.shape[1],
        single=single,
        several=several,
    )


def _codes(
    grouping: Grouping,
) -> tuple[NDArray[np.uint16], dict[int, tuple[NDArray[np.float64], NDArray[np.uint16]]]]:
    """The code of each group of one, and the shares and codes of the others."""
    single = np.zeros(grouping.n_groups, dtype=np.uint16)
    several = {}
    for group in range(grouping.n_groups):
        codes = np.flatnonzero((grouping.group == group) & (grouping.share > 0)).astype(np.uint16)
        single[group] = codes[0]
        if len(codes) > 1:
            several[group] = np.cumsum(grouping.share[codes]), codes
    return single, several


def _reached(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each row's distribution added up, plus the row's number; every row ends at the next number."""
    added = np.cumsum(rows, axis=1)
    added /= added[:, -1:]
    return (added + np.arange(len(rows))[:, None]).ravel()


def _found(
    reached: NDArray[np.float64], row: NDArray[np.int64], uniform: NDArray[np.float64], width: int
) -> NDArray[np.int64]:
    place = np.searchsorted(reached, row + uniform, side="right") - row * width
    return np.clip(place, 0, width - 1)


def _left_over(
    draw: _Draw, row: NDArray[np.int64], group: int, uniform: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Where a uniform lies within its group's stretch, in [0, 1]: as good as a fresh one."""
    place = row * draw.width + group
    above = draw.reached[place] - row
    below = np.where(group > 0, draw.reached[np.maximum(place - 1, 0)] - row, 0.0)
    return np.clip((uniform - below) / np.maximum(above - below, 1e-300), 0.0, 1.0)
