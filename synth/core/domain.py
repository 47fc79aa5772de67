"""The discrete space a coded table lives in."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Domain:
    """Ordered columns with their number of codes; column k holds codes 0 .. sizes[k]-1."""

    names: tuple[str, ...]
    sizes: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.names) != len(self.sizes):
            raise ValueError(f"{len(self.names)} names for {len(self.sizes)} sizes")
        if len(set(self.names)) != len(self.names):
            raise ValueError("column names of a domain must differ")
        if any(not size >= 1 for size in self.sizes):
            raise ValueError("every column needs at least one code")

    def __len__(self) -> int:
        return len(self.names)

    @property
    def total(self) -> int:
        """Number of codes over all columns: the width of a one-hot row."""
        return sum(self.sizes)

    @property
    def offsets(self) -> tuple[int, ...]:
        """Where each column's codes begin in a one-hot row; length K + 1, the last is `total`."""
        starts = [0]
        for size in self.sizes:
            starts.append(starts[-1] + size)
        return tuple(starts)

    @property
    def nats(self) -> float:
        """What a row of even shares takes to tell, and at least 1."""
        return max(1.0, sum(math.log(size) for size in self.sizes))

    def cells(self, names: tuple[str, ...]) -> int:
        """Number of cells of the marginal over `names`."""
        return math.prod(self.sizes[self.names.index(name)] for name in names)
