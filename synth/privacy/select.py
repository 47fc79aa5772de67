"""Private selection of keys: which values of a column may be named at all."""

from collections.abc import Mapping

import numpy as np

from synth.privacy import noise
from synth.privacy.budget import DiscreteGaussian, Selection
from synth.privacy.entry import Receipt
from synth.privacy.released import Released


def select_keys(
    counts: Mapping[str, int], receipt: Receipt, *, max_rows: int, pruned: int = 0
) -> Released[dict[str, int]]:
    """Keys whose noisy count reaches a threshold, with those noisy counts.

    Args:
      counts: exact count of each key that occurs in one column; keys of at most `pruned` may be missing.
      receipt: must pay for a DiscreteGaussian (sensitivity >= max_rows) and a Selection.
      max_rows: the most that one privacy unit adds to all counts together.
      pruned: a public number: keys with so few rows or fewer are never named.
    Guarantee: (the noise event) composed with delta: a unit's own keys, at most `max_rows` of them, each
      lifted by at most `max_rows` above `pruned`, all stay below the threshold except with probability
      max_rows x P(pruned + max_rows + Z >= threshold) <= Selection.delta.
    Source: Wilkins, Kifer, Zhang, Karrer 2024, "Exact privacy analysis of the Gaussian sparse
      histogram mechanism", in its simple union-bound form.
    """
    threshold = key_threshold(receipt, max_rows=max_rows, pruned=pruned)
    keys = sorted(key for key, count in counts.items() if count > pruned)
    exact = np.fromiter((counts[key] for key in keys), dtype=np.int64, count=len(keys))
    released = noise.noisy_counts(exact, receipt)
    return released.map(
        lambda noisy: {key: int(n) for key, n in zip(keys, noisy, strict=True) if n >= threshold}
    )


def pruned_count(scale: float, *, max_rows: int) -> int:
    """Rows up to which a key may stay uncounted: too few, at this noise, to change its threshold much."""
    return 0 if scale == 0 else max(max_rows, int(scale / 20))


def key_threshold(receipt: Receipt, *, max_rows: int, pruned: int = 0) -> int:
    """The least noisy count that names a key under this receipt."""
    scale = noise.scale_of(receipt)
    if scale == 0:
        return pruned + 1
    deltas = {event.delta for event in receipt.events if isinstance(event, Selection)}
    if len(deltas) != 1:
        raise ValueError(f"the receipt of entry {receipt.entry} pays for no selection")
    sensitivity = max(e.sensitivity for e in receipt.events if isinstance(e, DiscreteGaussian))
    if sensitivity < max_rows:
        raise ValueError(f"the receipt pays for sensitivity {sensitivity}, a unit has {max_rows} rows")
    return pruned + max_rows + noise.tail_threshold(scale, deltas.pop() / max_rows)
