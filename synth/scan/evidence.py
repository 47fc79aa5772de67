"""The noisy class counts of one column, read with an eye on their noise.

Classes come in families: those of one family are counted together where the noise hides each of them. The
more classes are looked at together, the higher a count must be that is believed.
"""

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from synth.scan.spellings import FAMILIES, NO_VALUE, VALUE_CLASSES

_SEEN = 2.0  # noise scales above which a class is counted: 2 noisy classes in 100 pass by chance
_SURE = 4.0  # noise scales above which a class is sure to occur: 3 in 100,000 pass by chance
_FEW_CLASSES, _MANY_CLASSES = 10, 60  # so many classes are looked at without raising the two
_TOGETHER = 4.0  # noise scales above which a family occurs though no class of it is seen alone
_NO_VALUE = frozenset(NO_VALUE)
_FAMILY_OF = {name: number for number, family in enumerate(FAMILIES) for name in family}


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

    @cached_property
    def n_values(self) -> float:
        """Rows with a value: neither null nor blank nor a word for missing; at least 0."""
        return max(0.0, self.n_rows - self.seen(NO_VALUE))

    @property
    def are_few(self) -> bool:
        """Whether the noise hides what there is."""
        return self.n_values <= _SURE * self.noise_scale or self.n_values < 0.5

    def seen(self, classes: Iterable[str]) -> float:
        """Sum of the classes' counts, without what noise alone explains."""
        return sum(total for total, _ in self._families(classes))

    def sure(self, classes: Collection[str]) -> dict[str, float]:
        """The counts of those classes that surely occur."""
        limit = _sure_from(len(classes)) * self.noise_scale
        return {name: count for name in classes if (count := self.counts.get(name, 0.0)) > limit}

    def surely_hold(self, classes: Iterable[str], least: float, *, among: int = 1) -> bool:
        """Whether values of these classes surely occur, at a share of `least` or more.

        Args:
          among: how many classes these were chosen from, where they were chosen by their counts.
        """
        asked = tuple(classes)
        limit = _sure_from(max(len(asked), among))
        sure = 0.0
        for family in _by_family(asked):
            counts = [self.counts.get(name, 0.0) for name in family]
            alone = sum(count for count in counts if count > limit * self.noise_scale)
            together = sum(counts)
            is_sure = together > limit * self.noise_scale * math.sqrt(len(counts))
            sure += max(alone, together if is_sure else 0.0)
        return sure > 0 and sure >= least * self.n_values

    def raw(self, classes: Iterable[str]) -> float:
        """Sum of the classes' counts as they are: unbiased, and noisier."""
        return sum(self.counts.get(name, 0.0) for name in classes)

    def share(self, classes: Iterable[str]) -> float:
        """Share of values in the classes, in [0, 1]."""
        return min(1.0, self.seen(classes) / self.n_values) if self.n_values > 0 else 0.0

    def height(self, classes: Collection[str]) -> float:
        """The classes' summed counts in standard deviations of their noise; infinite without noise."""
        total = self.raw(classes)
        if not classes or self.noise_scale == 0:
            return math.inf if total > 0 else 0.0
        return total / (self.noise_scale * math.sqrt(len(classes)))

    def most(self, classes: Iterable[str], *, of: float, least: float = 0.5) -> bool:
        """Whether the classes surely hold four values in five of `of`, as far as the noise lets us see,
        and the share `least` of all values."""
        asked = tuple(classes)
        families = self._families(asked)
        held = sum(total for total, _ in families)
        blur = self.noise_scale * math.sqrt(sum(n for _, n in families))
        if not (of > 0 and self.surely_hold(asked, 0.0, among=len(VALUE_CLASSES))):
            return False
        return held / of >= max(0.5, 0.8 - 3 * blur / of) and held >= least * self.n_values

    def is_contradicted(self, classes: Iterable[str], min_share: float) -> bool:
        """Whether other values surely occur and the classes hold less than `min_share` of all values."""
        inside = frozenset(classes)
        return self.share(inside) < min_share and self.surely_hold(other_values(inside), 0.0)

    def _families(self, classes: Iterable[str]) -> list[tuple[float, int]]:
        """For each family that is seen: its count, and how many noisy counts that is a sum of."""
        found = []
        for family in _by_family(tuple(classes)):
            counts = [self.counts.get(name, 0.0) for name in family]
            limit = _seen_from(len(counts)) * self.noise_scale
            kept = [count for count in counts if count > limit]
            together = sum(counts)
            blur = self.noise_scale * math.sqrt(len(counts))
            if together > _TOGETHER * blur and sum(kept) < together - 2 * blur:
                found.append((together, len(counts)))
            elif kept:
                found.append((sum(kept), len(kept)))
        return found


def _seen_from(n_classes: int) -> float:
    """Noise scales above which one of so many classes is counted."""
    return _SEEN + 0.5 * math.log(max(1.0, n_classes / _FEW_CLASSES))


def _sure_from(n_classes: int) -> float:
    """Noise scales above which one of so many classes is sure to occur."""
    return _SURE + 0.2 * math.log(max(1.0, n_classes / _MANY_CLASSES))


@lru_cache(maxsize=4096)
def _by_family(classes: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """The classes, those of one family together."""
    families: dict[int, list[str]] = {}
    for name in dict.fromkeys(classes):
        families.setdefault(_FAMILY_OF[name], []).append(name)
    return tuple(tuple(family) for family in families.values())


@lru_cache(maxsize=1024)
def other_values(inside: frozenset[str]) -> tuple[str, ...]:
    """All classes of values but these."""
    return tuple(name for name in VALUE_CLASSES if name not in inside and name not in _NO_VALUE)
