"""How the values of a column become small integers and back; code 0 is always null or unknown."""

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synth.core.digits import Rounding, rounded
from synth.core.joined import ROOT, SEPARATOR
from synth.core.mixing import mix
from synth.core.power import PowerTransform
from synth.core.schema import Kind

NULL_CODE = 0
_FEW_EDGES = 50
_LARGE_REST = 0.25
"""Share of values without a name above which they are made up, not taken from the named ones."""
_BELOW_ONE = float(np.nextafter(1.0, 0.0))


@dataclass(frozen=True, kw_only=True)
class CategoricalCodebook:
    """Released categories: code 0 null, codes 1 .. len(categories) a category each, then one for the rest.

    Attributes:
      column: the column's name.
      categories: distinct non-null values as strings, in code order.
      counts: released counts per code, >= 0, length `n_codes`.
      closed: whether the categories were declared complete; then there is no code for the rest and a
        value outside them is unknown (code 0).
      outside: released share of the values that are none of the declared categories.
      noise_scale: of each released count, in rows; 0 without noise.
    """

    column: str
    categories: tuple[str, ...]
    counts: tuple[float, ...]
    closed: bool = False
    noise_scale: float = 0.0
    outside: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.outside <= 1:
            raise ValueError(f"the share of {self.column!r} outside its categories must be in [0, 1]")
        if len(set(self.categories)) != len(self.categories):
            raise ValueError(f"the categories of {self.column!r} must differ")
        _check_counts(self.column, self.counts, self.n_codes)

    @property
    def n_codes(self) -> int:
        return len(self.categories) + (1 if self.closed else 2)

    @property
    def other_code(self) -> int:
        """The code of values outside the categories: the last one, or 0 if the categories are closed."""
        return NULL_CODE if self.closed else len(self.categories) + 1

    @property
    def rest_is_large(self) -> bool:
        """Whether so many values have no name that the named ones must not stand for them."""
        return not self.closed and self.counts[-1] > _LARGE_REST * max(sum(self.counts[1:]), 1.0)

    def encode(self, values: NDArray[np.object_]) -> NDArray[np.uint16]:
        """Codes of strings or None; meant for the distinct values of a batch. [n] -> [n]."""
        lookup = {category: code for code, category in enumerate(self.categories, start=1)}
        other = self.other_code
        return np.fromiter(
            (NULL_CODE if value is None else lookup.get(value, other) for value in values),
            dtype=np.uint16,
            count=len(values),
        )

    def resolve_other(self, codes: NDArray[np.uint16], uniforms: NDArray[np.float64]) -> NDArray[np.uint16]:
        """Replace the code for the rest by a named category, or by null if there is none.

        Values in the rest are rare, so a category's weight is its released count, but at most that of the
        whole rest: the most frequent category does not swallow it.

        Args:
          codes: [n]. uniforms: [n] in [0, 1).
        """
        if self.closed:
            return codes
        weights = np.asarray(self.counts[1 : 1 + len(self.categories)])
        weights = np.minimum(weights, self.counts[-1]) if self.counts[-1] > 0 else weights
        if not weights.sum() > 0:
            return np.where(codes == self.other_code, NULL_CODE, codes).astype(np.uint16)
        cumulative = np.cumsum(weights / weights.sum())
        drawn = 1 + np.minimum(np.searchsorted(cumulative, uniforms, side="right"), len(weights) - 1)
        return np.where(codes == self.other_code, drawn, codes).astype(np.uint16)

    def decode(self, codes: NDArray[np.uint16], uniforms: NDArray[np.float64]) -> NDArray[np.object_]:
        """Values of codes: strings or None; the rest is resampled from the released categories."""
        table = np.array([None, *self.categories], dtype=object)
        return table[self.resolve_other(codes, uniforms)]


@dataclass(frozen=True, kw_only=True)
class Leaf:
    """A released place under one code of a region.

    Attributes:
      code: the code that it lies under.
      names: from coarse to fine, None for a missing value; fewer than the region has if the finer ones could
        not be named.
      cells: (cell or None for a missing position, halvings of its grid, share of the leaf), shares adding up
        to 1;
        empty if no position could be released.
      weight: released count, > 0.
    """

    code: int
    names: tuple[str | None, ...]
    cells: tuple[tuple[int | None, int, float], ...]
    weight: float


@dataclass(frozen=True, kw_only=True)
class RegionCodebook(CategoricalCodebook):
    """Released places with levels: a code is a place that is heavy enough, or the rest of a coarser one.

    `categories` are the joined names of the codes' places, fewer or more levels deep.
    Attributes:
      leaves: the released places under each code, in the order of the codes; at least one a code.
      depth: how many levels of names there are.
    """

    leaves: tuple[Leaf, ...]
    depth: int

    def __post_init__(self) -> None:
        super().__post_init__()
        codes = [leaf.code for leaf in self.leaves]
        if codes != sorted(codes) or set(codes) != set(range(1, 1 + len(self.categories))):
            raise ValueError(f"the places of {self.column!r} must lie under all its codes, in their order")

    def encode(self, values: NDArray[np.object_]) -> NDArray[np.uint16]:
        """Codes of joined names: of the finest coded place that each lies in, or the rest. [n] -> [n]."""
        lookup = {category: code for code, category in enumerate(self.categories, start=1)}
        root = lookup.get(ROOT, self.other_code)

        def code(value: str | None) -> int:
            while value is not None:
                if value in lookup:
                    return lookup[value]
                value = value.rpartition(SEPARATOR)[0] if SEPARATOR in value else None
            return root

        return np.fromiter((code(value) for value in values), dtype=np.uint16, count=len(values))

    @cached_property
    def ends(self) -> NDArray[np.float64]:
        """Where each leaf ends on a line on which code k covers k .. k + 1. [len(leaves)], increasing."""
        weights = np.array([leaf.weight for leaf in self.leaves])
        codes = np.array([leaf.code for leaf in self.leaves])
        before = np.concatenate([[0.0], np.cumsum(weights)])
        first, last = np.searchsorted(codes, codes), np.searchsorted(codes, codes, side="right")
        share = (before[1:] - before[first]) / (before[last] - before[first])
        return np.asarray(codes + np.minimum(share, 1.0))

    def leaf_of(self, codes: NDArray[np.uint16], uniforms: NDArray[np.float64]) -> NDArray[np.int64]:
        """Number of a leaf drawn under each code, by released counts; -1 for null. [n], [n] -> [n]."""
        resolved = self.resolve_other(codes, uniforms).astype(np.int64)
        uniforms = (uniforms * 1e6) % 1.0  # the digits that chose a code say little of these
        drawn = np.searchsorted(
            self.ends, np.minimum(resolved + uniforms, resolved + _BELOW_ONE), side="right"
        )
        last = np.searchsorted(self.ends, resolved + 1.0, side="left")
        return np.where(resolved == NULL_CODE, -1, np.minimum(drawn, last))


Cell = tuple[float, float, float]
"""A part of a bin: lower edge, upper edge, released count. Equal edges: that very value."""


def _number_at_most(edges: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.uint16]:
    """How many of the increasing edges each value reaches. [m], [n] -> [n]."""
    if len(edges) > _FEW_EDGES:
        return np.searchsorted(edges, values, side="right").astype(np.uint16)
    # A few comparisons of whole columns cost less than a search a value.
    number = np.zeros(len(values), dtype=np.uint8)
    for edge in edges:
        number += values >= edge
    return number.astype(np.uint16)


@dataclass(frozen=True, kw_only=True)
class BinnedCodebook:
    """Released bins: code 0 null or not a number, code k the k-th bin [lowers[k-1], uppers[k-1]).

    Attributes:
      column: the column's name.
      kind: integer, real, date (in days since 1970-01-01), timestamp (in seconds) or place (grid cells).
      lowers, uppers: edges, increasing, with uppers[k] <= lowers[k+1]; a value between two bins goes
        to the lower one, a value below the first bin to the first. A bin at infinity has both edges there.
      counts: released counts per code, >= 0, length `n_codes`.
      cells: for each bin, where its mass lies within it: (lower, upper, released count > 0), in order;
        empty spreads every bin's mass evenly. A cell of equal edges is a point: it decodes to that value.
      decimals: digits that decoded reals keep; None keeps all.
      power: the power transform that makes the released distribution most like a normal one; None for
        kinds that are no quantities.
      roundings: which shares of the values are multiples of what; empty where nothing stands out.
      outside: released share of the values that lie outside the declared bounds.
      noise_scale: of a released count, in rows; 0 without noise.
    """

    column: str
    kind: Kind
    lowers: tuple[float, ...]
    uppers: tuple[float, ...]
    counts: tuple[float, ...]
    cells: tuple[tuple[Cell, ...], ...] = ()
    decimals: int | None = None
    power: PowerTransform | None = None
    roundings: tuple[Rounding, ...] = ()
    outside: float = 0.0
    noise_scale: float = 0.0

    def __post_init__(self) -> None:
        if not self.kind.is_binned:
            raise ValueError(f"{self.kind} values of {self.column!r} are not binned")
        if len(self.lowers) != len(self.uppers):
            raise ValueError(f"{len(self.lowers)} lower edges for {len(self.uppers)} upper ones")
        edges = np.column_stack([self.lowers, self.uppers]).ravel()
        at_infinity = np.isinf(self.lowers) & (np.array(self.lowers) == self.uppers)
        finite = edges[np.repeat(~at_infinity, 2)]
        if not (np.all(np.isfinite(finite)) and np.all(edges[1:] >= edges[:-1])):
            raise ValueError(f"the bins of {self.column!r} must be finite, or a point, and increasing")
        if self.cells and not (len(self.cells) == len(self.lowers) and all(self.cells)):
            raise ValueError(f"every bin of {self.column!r} needs cells, or none does")
        if not all(count > 0 for part in self.cells for _, _, count in part):
            raise ValueError(f"the cells of {self.column!r} must have counts > 0")
        if not 0 <= self.outside <= 1:
            raise ValueError(f"the share of {self.column!r} outside its bounds must be in [0, 1]")
        _check_counts(self.column, self.counts, self.n_codes)

    @property
    def n_codes(self) -> int:
        return len(self.lowers) + 1

    def encode(self, values: NDArray[np.float64]) -> NDArray[np.uint16]:
        """Codes of numbers; NaN is null. [n] -> [n]."""
        if self.n_codes == 1:
            return np.full(len(values), NULL_CODE, dtype=np.uint16)
        codes = 1 + _number_at_most(np.asarray(self.lowers[1:]), values)
        null = np.isnan(values)
        if null.any():
            codes[null] = NULL_CODE
        return codes

    def decode(self, codes: NDArray[np.uint16], uniforms: NDArray[np.float64]) -> NDArray[np.float64]:
        """A number drawn within each code's bin, by the mass of its cells; NaN for null. [n] -> [n].

        A point comes back as its very value; else integers, dates and timestamps come back whole and reals
        rounded to `decimals`, never outside their cell unless it holds no such number; then they are
        moved to what values are rounded to.
        """
        null = codes == NULL_CODE
        if not self.lowers:
            return np.full(len(codes), np.nan)
        lowers, uppers, places, stops = self._flat_cells()
        bins = np.where(null, 0, codes.astype(np.int64) - 1)
        # Bin b, with cumulative shares c of its cells, covers places b .. b + 1 of one line.
        place = bins + uniforms  # may round up to the next bin
        cell = np.minimum(np.searchsorted(places, place, side="right") - 1, stops[bins])
        within = np.clip((place - places[cell]) / (places[cell + 1] - places[cell]), 0.0, _BELOW_ONE)
        drawn = self._within(lowers[cell], uppers[cell], within)
        if self.roundings:
            loose = (lowers[cell] < uppers[cell]) & ~self._is_one_value(lowers[cell], uppers[cell])
            drawn = np.where(loose, self._rounded(drawn, uniforms, bins), drawn)
        return np.where(null, np.nan, drawn)

    def _rounded(
        self, drawn: NDArray[np.float64], uniforms: NDArray[np.float64], bins: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Moved to what values are rounded to, within their bins. [n] -> [n]."""
        # The bits of the uniform give one more that tells nothing of it.
        bits = mix(np.ascontiguousarray(uniforms, dtype=np.float64).view(np.uint64)) >> np.uint64(11)
        picks = bits.astype(np.float64) * 2.0**-53
        uppers = np.asarray(self.uppers)
        last = np.nextafter(uppers, np.float64(-np.inf)) if self.kind is Kind.REAL else np.ceil(uppers) - 1
        finite = np.isfinite(drawn)
        moved = rounded(
            np.where(finite, drawn, 0.0), picks, self.roundings, self.kind,
            least=np.asarray(self.lowers)[bins], most=last[bins],
        )  # fmt: skip
        return np.where(finite, moved, drawn)

    def _flat_cells(
        self,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
        """Edges of all cells, their places on the line that `decode` draws from (one more), and the last
        cell of each bin."""
        bins = self.cells or tuple(((a, b, 1.0),) for a, b in zip(self.lowers, self.uppers, strict=True))
        places = [0.0]
        for index, part in enumerate(bins):
            shares = np.cumsum([count for _, _, count in part])
            places.extend((index + shares / shares[-1]).tolist())
        flat = np.array([(lower, upper) for part in bins for lower, upper, _ in part])
        stops = np.cumsum([len(part) for part in bins]) - 1
        return flat[:, 0], flat[:, 1], np.array(places), stops

    def _within(
        self, lower: NDArray[np.float64], upper: NDArray[np.float64], uniforms: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        is_point = lower == upper
        if is_point.all():
            return lower
        # Infinities are points: what is computed for them is not used.
        low, high = np.where(is_point, 0.0, lower), np.where(is_point, 1.0, upper)
        return np.where(is_point, lower, self._in_cell(low, high, uniforms))

    def _is_one_value(self, lower: NDArray[np.float64], upper: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether a cell holds but one number that can be written: what was found to be there stays."""
        with np.errstate(invalid="ignore", over="ignore"):
            if self.kind is not Kind.REAL:
                return np.asarray(np.ceil(upper) - np.ceil(lower) <= 1)
            unit = 0.0 if self.decimals is None else 10.0**-self.decimals
            return np.asarray(upper - lower <= unit * (1 + 1e-6))

    def single_values(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The finite values that have a cell to themselves, and their released counts. [k], [k]."""
        flat = np.array([cell for part in self.cells for cell in part], dtype=np.float64).reshape(-1, 3)
        lower, upper, mass = flat.T
        with np.errstate(invalid="ignore"):
            alone = np.isfinite(lower) & ((lower == upper) | self._is_one_value(lower, upper))
        lower, upper, mass = lower[alone], upper[alone], mass[alone]
        return np.where(lower == upper, lower, self._in_cell(lower, upper, np.zeros(len(lower)))), mass

    def _in_cell(
        self, lower: NDArray[np.float64], upper: NDArray[np.float64], uniforms: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        if self.kind is not Kind.REAL and not self.decimals:
            first = np.ceil(lower)
            return first + np.floor(uniforms * np.maximum(np.ceil(upper) - first, 1))
        # Written so that no difference of two large numbers overflows.
        drawn = lower * (1 - uniforms) + upper * uniforms
        drawn = np.clip(drawn, lower, upper)
        if self.decimals is None:
            return drawn
        unit = 10.0**-self.decimals
        first = np.ceil(lower / unit - 1e-9)
        with np.errstate(over="ignore", invalid="ignore"):
            rounded = np.round(np.maximum(first, np.floor(drawn / unit + 1e-9)) * unit, self.decimals)
        return np.where(np.isfinite(rounded), rounded, drawn)


Codebook = CategoricalCodebook | BinnedCodebook


def _check_counts(column: str, counts: tuple[float, ...], n_codes: int) -> None:
    if len(counts) != n_codes:
        raise ValueError(f"{len(counts)} counts for the {n_codes} codes of {column!r}")
    if not all(np.isfinite(count) and count >= 0 for count in counts):
        raise ValueError(f"the counts of {column!r} must be finite and >= 0")


def codebook_to_dict(codebook: Codebook) -> dict[str, Any]:
    """Plain values for JSON that `codebook_from_dict` turns back."""
    match codebook:
        case RegionCodebook():
            return {
                "type": "region",
                "column": codebook.column,
                "categories": list(codebook.categories),
                "counts": list(codebook.counts),
                "closed": codebook.closed,
                "depth": codebook.depth,
                "leaves": [asdict(leaf) for leaf in codebook.leaves],
            }
        case CategoricalCodebook():
            return {
                "type": "categorical",
                "column": codebook.column,
                "categories": list(codebook.categories),
                "counts": list(codebook.counts),
                "closed": codebook.closed,
                "outside": codebook.outside,
                "noise_scale": codebook.noise_scale,
            }
        case BinnedCodebook():
            return {
                "type": "binned",
                "column": codebook.column,
                "kind": codebook.kind.value,
                "lowers": [_to_json(edge) for edge in codebook.lowers],
                "uppers": [_to_json(edge) for edge in codebook.uppers],
                "counts": list(codebook.counts),
                "cells": [[[_to_json(value) for value in cell] for cell in part] for part in codebook.cells],
                "decimals": codebook.decimals,
                "power": None if codebook.power is None else asdict(codebook.power),
                "roundings": [asdict(rounding) for rounding in codebook.roundings],
                "outside": codebook.outside,
                "noise_scale": codebook.noise_scale,
            }


def _to_json(value: float) -> float | str:
    """JSON has no infinity."""
    return value if np.isfinite(value) else str(float(value))


def _leaf(fields: dict[str, Any]) -> Leaf:
    cells = tuple(
        (None if c is None else int(c), int(bits), float(share)) for c, bits, share in fields["cells"]
    )
    return Leaf(**{**fields, "names": tuple(fields["names"]), "cells": cells})


def codebook_from_dict(fields: dict[str, Any]) -> Codebook:
    """The codebook that `codebook_to_dict` described."""
    if fields["type"] == "region":
        return RegionCodebook(
            column=fields["column"],
            categories=tuple(fields["categories"]),
            counts=tuple(fields["counts"]),
            closed=fields["closed"],
            depth=fields["depth"],
            leaves=tuple(_leaf(leaf) for leaf in fields["leaves"]),
        )
    if fields["type"] == "categorical":
        return CategoricalCodebook(
            column=fields["column"],
            categories=tuple(fields["categories"]),
            counts=tuple(fields["counts"]),
            closed=fields["closed"],
            outside=fields["outside"],
            noise_scale=fields["noise_scale"],
        )
    return BinnedCodebook(
        column=fields["column"],
        kind=Kind(fields["kind"]),
        lowers=tuple(map(float, fields["lowers"])),
        uppers=tuple(map(float, fields["uppers"])),
        counts=tuple(fields["counts"]),
        cells=tuple(tuple((float(a), float(b), n) for a, b, n in part) for part in fields["cells"]),
        decimals=fields["decimals"],
        power=None if fields["power"] is None else PowerTransform(**fields["power"]),
        roundings=tuple(Rounding(**rounding) for rounding in fields["roundings"]),
        outside=fields["outside"],
        noise_scale=fields["noise_scale"],
    )
