"""Exact discrete Gaussian noise on integer counts, drawn once, on the driver, from OS entropy."""

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import opendp.prelude as opendp
from numpy.typing import NDArray

from synth.privacy.budget import DiscreteGaussian, Event, NoPrivacy, Selection
from synth.privacy.entry import Receipt
from synth.privacy.released import Released

opendp.enable_features("contrib")


def part_of(receipt: Receipt, *events: Event) -> Receipt:
    """A receipt for some queries of a larger charge.

    Raises: ValueError if the charge does not cover them.
    """
    left = Counter[Event]()
    for event in receipt.events:
        left[_one(event)] += getattr(event, "count", 1)
    for event in events:
        left[_one(event)] -= getattr(event, "count", 1)
        if left[_one(event)] < 0:
            raise ValueError(f"the receipt of entry {receipt.entry} does not pay for {event}")
    return Receipt(entry=receipt.entry, events=events)


def public(receipt: Receipt) -> Receipt:
    """A receipt for exact values of a column that the user declared public, beside what was paid for."""
    return Receipt(entry=receipt.entry, events=(NoPrivacy(),))


def _one(event: Event) -> Event:
    return replace(event, count=1) if isinstance(event, DiscreteGaussian | Selection) else event


def scale_of(receipt: Receipt) -> float:
    """The scale of the discrete Gaussian that the receipt paid for; 0 for a release without privacy."""
    scales = {event.scale for event in receipt.events if isinstance(event, DiscreteGaussian)}
    if not scales and NoPrivacy() in receipt.events:
        return 0.0
    if len(scales) != 1:
        raise ValueError(f"the receipt of entry {receipt.entry} pays for no single noise scale: {scales}")
    return scales.pop()


def noisy_counts(counts: NDArray[np.int64], receipt: Receipt) -> Released[NDArray[np.int64]]:
    """Counts plus discrete Gaussian noise of the scale that the receipt paid for.

    Args:
      counts: int64 [n], exact; one histogram, or several that the receipt's count covers.
    Guarantee: the receipt's DiscreteGaussian event, as long as one privacy unit moves each of the
      `count` queries it pays for by at most `sensitivity` (L2). Calling twice on one receipt is two
      releases: the callers in this package and in the stages' fits call once per counted query.
    Source: Canonne, Kamath, Steinke 2020; exact sampler of OpenDP, which draws from OS entropy.
    """
    scale = scale_of(receipt)
    if scale == 0:
        return Released(counts.astype(np.int64), receipt.entry)
    return Released(counts + discrete_gaussian(scale, len(counts)), receipt.entry)


def discrete_gaussian(scale: float, n: int) -> NDArray[np.int64]:
    """n independent draws of the discrete Gaussian of parameter `scale`, as int64."""
    if n == 0:
        return np.zeros(0, dtype=np.int64)
    domain = opendp.vector_domain(opendp.atom_domain(T="i64"))
    mechanism = opendp.m.make_gaussian(domain, opendp.l2_distance(T=float), scale=scale)
    return np.asarray(mechanism([0] * n), dtype=np.int64)


def tail_threshold(scale: float, delta: float) -> int:
    """Smallest integer t with P(Z >= t) <= delta for the discrete Gaussian Z of parameter `scale`.

    Returns 1 for scale 0: every key that occurs is kept.
    """
    if scale == 0:
        return 1
    reach = math.ceil(scale * math.sqrt(2 * math.log(4 / delta)) + 10 * scale) + 2
    weights = np.exp(-(np.arange(reach + 1, dtype=np.float64) ** 2) / (2 * scale**2))
    total = 2 * weights.sum() - 1
    # Beyond `reach` the mass is below exp(-50); the factor keeps rounding on the safe side.
    tail = np.cumsum(weights[::-1])[::-1] / total * (1 + 1e-9)
    return int(np.argmax(tail <= delta))
