"""How the values of a column become small integers and back; code 0 is always null or unknown."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synth.core.schema import Kind

NULL_CODE = 0


@dataclass(frozen=True, kw_only=True)
class CategoricalCodebook:
    """Released categories: code 0 null, codes 1 .. len(categories) a category each, then one for the rest.

    Attributes:
      column: the column's name.
      categories: distinct non-null values as strings, in code order.
      counts: released counts per code, >= 0, length `n_codes`.
      closed: whether the categories were declared complete; then there is no code for the rest and a
        value outside them is unknown (code 0).
    """

    column: str
    categories: tuple[str, ...]
    counts: tuple[float, ...]
    closed: bool = False

    def __post_init__(self) -> None:
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
        """Replace the code for the rest by a category drawn by released count, or null if there is none.

        Args:
          codes: [n]. uniforms: [n] in [0, 1).
        """
        if self.closed:
            return codes
        weights = np.asarray(self.counts[1 : 1 + len(self.categories)])
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
class BinnedCodebook:
    """Released bins: code 0 null or not a number, code k the k-th bin [lowers[k-1], uppers[k-1]).

    Attributes:
      column: the column's name.
      kind: integer, real, date (in days since 1970-01-01) or timestamp (in seconds).
      lowers, uppers: edges, increasing, with uppers[k] <= lowers[k+1]; a value between two bins goes
        to the lower one, a value below the first bin to the first.
      counts: released counts per code, >= 0, length `n_codes`.
      decimals: digits that decoded reals keep; None keeps all.
    """

    column: str
    kind: Kind
    lowers: tuple[float, ...]
    uppers: tuple[float, ...]
    counts: tuple[float, ...]
    decimals: int | None = None

    def __post_init__(self) -> None:
        if not self.kind.is_binned:
            raise ValueError(f"{self.kind} values of {self.column!r} are not binned")
        if len(self.lowers) != len(self.uppers):
            raise ValueError(f"{len(self.lowers)} lower edges for {len(self.uppers)} upper ones")
        edges = np.column_stack([self.lowers, self.uppers]).ravel()
        if not (np.all(np.isfinite(edges)) and np.all(np.diff(edges) >= 0)):
            raise ValueError(f"the bins of {self.column!r} must be finite and increasing")
        _check_counts(self.column, self.counts, self.n_codes)

    @property
    def n_codes(self) -> int:
        return len(self.lowers) + 1

    def encode(self, values: NDArray[np.float64]) -> NDArray[np.uint16]:
        """Codes of numbers; NaN is null. [n] -> [n]."""
        inner = np.asarray(self.lowers[1:])
        codes = 1 + np.searchsorted(inner, values, side="right")
        known = ~np.isnan(values) & (self.n_codes > 1)
        return np.where(known, codes, NULL_CODE).astype(np.uint16)

    def decode(self, codes: NDArray[np.uint16], uniforms: NDArray[np.float64]) -> NDArray[np.float64]:
        """A number drawn evenly within each code's bin; NaN for null. [n] -> [n].

        Integers, dates and timestamps come back whole; reals rounded to `decimals`, never outside
        their bin unless the bin holds no number of that many decimals.
        """
        lower = np.asarray([np.nan, *self.lowers])[codes]
        upper = np.asarray([np.nan, *self.uppers])[codes]
        if self.kind is Kind.REAL:
            drawn = lower + uniforms * (upper - lower)
            if self.decimals is None:
                return drawn
            unit = 10.0**-self.decimals
            first = np.ceil(lower / unit - 1e-9)
            return np.round(np.maximum(first, np.floor(drawn / unit + 1e-9)) * unit, self.decimals)
        first = np.ceil(lower)
        many = np.maximum(np.ceil(upper) - first, 1)
        return first + np.floor(uniforms * many)


Codebook = CategoricalCodebook | BinnedCodebook


def _check_counts(column: str, counts: tuple[float, ...], n_codes: int) -> None:
    if len(counts) != n_codes:
        raise ValueError(f"{len(counts)} counts for the {n_codes} codes of {column!r}")
    if not all(np.isfinite(count) and count >= 0 for count in counts):
        raise ValueError(f"the counts of {column!r} must be finite and >= 0")


def codebook_to_dict(codebook: Codebook) -> dict[str, Any]:
    """Plain values for JSON that `codebook_from_dict` turns back."""
    match codebook:
        case CategoricalCodebook():
            return {
                "type": "categorical",
                "column": codebook.column,
                "categories": list(codebook.categories),
                "counts": list(codebook.counts),
                "closed": codebook.closed,
            }
        case BinnedCodebook():
            return {
                "type": "binned",
                "column": codebook.column,
                "kind": codebook.kind.value,
                "lowers": list(codebook.lowers),
                "uppers": list(codebook.uppers),
                "counts": list(codebook.counts),
                "decimals": codebook.decimals,
            }


def codebook_from_dict(fields: dict[str, Any]) -> Codebook:
    """The codebook that `codebook_to_dict` described."""
    if fields["type"] == "categorical":
        return CategoricalCodebook(
            column=fields["column"],
            categories=tuple(fields["categories"]),
            counts=tuple(fields["counts"]),
            closed=fields["closed"],
        )
    return BinnedCodebook(
        column=fields["column"],
        kind=Kind(fields["kind"]),
        lowers=tuple(fields["lowers"]),
        uppers=tuple(fields["uppers"]),
        counts=tuple(fields["counts"]),
        decimals=fields["decimals"],
    )
