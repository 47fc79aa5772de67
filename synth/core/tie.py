"""How strongly a model ties two columns: what people look at first."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Tie:
    """Two columns that a model ties directly.

    Attributes:
      strength: mutual information of the two under the model, in bits, >= 0.
    """

    first: str
    second: str
    strength: float


def strongest_tree(ties: tuple[Tie, ...]) -> tuple[Tie, ...]:
    """The ties of a maximum spanning forest, the strongest first."""
    root: dict[str, str] = {}

    def find(name: str) -> str:
        while root.setdefault(name, name) != name:
            name = root[name]
        return name

    kept = []
    for tie in sorted(ties, key=lambda t: (-t.strength, t.first, t.second)):
        first, second = find(tie.first), find(tie.second)
        if first != second:
            root[first] = second
            kept.append(tie)
    return tuple(kept)
