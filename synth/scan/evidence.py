"""The noisy class counts of one column, read with an eye on their noise."""

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from synth.scan.classes import VALUE_CLASSES

_NO_VALUE = ("null", "blank", "missing_word")
_SEEN = 2.0  # noise scales above which a class is counted: 2 noisy classes in 100 pass by chance
_SURE = 4.0  # noise scales above which a class is sure to occur: 3 in 100,000 pass by chance


@dataclass(frozen=True, kw_only=True)
class ClassCounts:
    """Noisy class counts of one column.

    Attributes:
      counts: class -> noisy count, which may be negative.
      n_rows: released number of rows of the table, >= 1.
      noise_scale: standard deviation of the noise on each count, >= 0.
    """

    counts: Mapping[str, float]
    n_rows: float
    noise_scale: float

    @property
    def null_share(self) -> float:
        """Share of nulls in all rows, in [0, 1]; what noise alone explains is 0 or 1."""
        nulls = self.counts.get("null", 0.0)
        if nulls <= _SEEN * self.noise_scale:
            return 0.0
        return min(1.0, nulls / self.n_rows)

    @property
    def n_values(self) -> float:
        """Rows with a value: neither null nor blank nor a word for missing; at least 0."""
        return max(0.0, self.n_rows - self.seen(_NO_VALUE))

    @property
    def are_few(self) -> bool:
        """Whether the noise hides what there is."""
        return self.n_values <= _SURE * self.noise_scale or self.n_values < 0.5

    def seen(self, classes: Iterable[str]) -> float:
        """Sum of the classes' counts, those left out that noise alone explains."""
        return sum(count for count in self._each(classes) if count > _SEEN * self.noise_scale)

    def surely_hold(self, classes: Iterable[str], least: float) -> bool:
        """Whether values of these classes surely occur, at a share of `least` or more."""
        sure = sum(count for count in self._each(classes) if count > _SURE * self.noise_scale)
        return sure > 0 and sure >= least * self.n_values

    def raw(self, classes: Iterable[str]) -> float:
        """Sum of the classes' counts as they are: unbiased, and noisier."""
        return sum(self._each(classes))

    def share(self, classes: Iterable[str]) -> float:
        """Share of values in the classes, in [0, 1]."""
        return min(1.0, self.seen(classes) / self.n_values) if self.n_values > 0 else 0.0

    def height(self, classes: Collection[str]) -> float:
        """The classes' summed counts in standard deviations of their noise; infinite without noise."""
        total = self.raw(classes)
        if self.noise_scale == 0:
            return math.inf if total > 0 else 0.0
        return total / (self.noise_scale * math.sqrt(len(classes)))

    def most(self, classes: Iterable[str], *, of: float, least: float = 0.5) -> bool:
        """Whether the classes surely hold four values in five of `of`, as far as the noise lets us see,
        and the share `least` of all values."""
        kept = [count for count in self._each(classes) if count > _SEEN * self.noise_scale]
        blur = self.noise_scale * math.sqrt(len(kept))
        if not (kept and of > 0 and max(kept) > _SURE * self.noise_scale):
            return False
        return sum(kept) / of >= max(0.5, 0.8 - 3 * blur / of) and sum(kept) >= least * self.n_values

    def is_contradicted(self, classes: Iterable[str], min_share: float) -> bool:
        """Whether other values surely occur and the classes hold less than `min_share` of all values."""
        inside = set(classes)
        others = [name for name in VALUE_CLASSES if name not in inside and name not in _NO_VALUE]
        return self.surely_hold(others, 0.0) and self.share(inside) < min_share

    def _each(self, classes: Iterable[str]) -> list[float]:
        return [self.counts.get(name, 0.0) for name in classes]
