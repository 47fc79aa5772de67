"""Noise for queries that are chosen one after another, each looking at the answers before it.

An event says how many queries it pays for and at which scale; both are fixed before the first one is
asked. So any way of choosing the next query by the earlier answers is covered by plain composition.
"""

import numpy as np
import opendp.prelude as opendp
from numpy.typing import NDArray

from synth.privacy.budget import DiscreteGaussian, Event, ExponentialMechanism, NoPrivacy
from synth.privacy.entry import Receipt
from synth.privacy.noise import discrete_gaussian
from synth.privacy.released import Released


class PaidCounts:
    """Answers vectors of counts with discrete Gaussian noise until an event's queries are used up.

    Guarantee: the event, as long as one privacy unit moves every vector asked about by at most the
      event's `sensitivity` (L2), whatever the choice of the vectors.
    """

    def __init__(self, event: DiscreteGaussian | NoPrivacy, receipt: Receipt, *, used: int = 0) -> None:
        """Args:
        used: queries of the event that were asked before, by a run whose answers are kept.
        """
        _check_paid(event, receipt)
        self._event = event
        self._entry = receipt.entry
        self._left = event.count - used if isinstance(event, DiscreteGaussian) else None

    @property
    def scale(self) -> float:
        """Noise scale of one query; 0 without privacy."""
        return self._event.scale if isinstance(self._event, DiscreteGaussian) else 0.0

    @property
    def left(self) -> int | None:
        """Queries that may still be asked; None if there is no limit, for there is no privacy."""
        return self._left

    def ask(self, counts: NDArray[np.int64], times: int = 1) -> Released[NDArray[np.float64]]:
        """The mean of `times` independently noised copies of the counts, as float64 of their shape.

        Each copy is one query. The mean has the standard deviation scale / sqrt(times).
        Raises: ValueError if fewer than `times` queries are left; nothing is drawn then.
        """
        if times < 1:
            raise ValueError(f"a query is asked at least once, got {times}")
        if self._left is None:
            return Released(counts.astype(np.float64), self._entry)
        if times > self._left:
            raise ValueError(f"{times} queries asked, {self._left} left of those that were paid for")
        self._left -= times
        noise = discrete_gaussian(self.scale, times * counts.size).reshape(times, *counts.shape)
        return Released(counts + noise.sum(axis=0) / times, self._entry)

    def each(self, counts: NDArray[np.int64]) -> Released[NDArray[np.float64]]:
        """Each count with its own noise, each a query of its own. [n] -> float64 [n].

        Guarantee: n of the event's queries; one privacy unit may move every count by the sensitivity.
        Raises: ValueError if fewer than n queries are left; nothing is drawn then.
        """
        if self._left is None:
            return Released(counts.astype(np.float64), self._entry)
        if counts.size > self._left:
            raise ValueError(f"{counts.size} queries asked, {self._left} left of those that were paid for")
        self._left -= counts.size
        noise = discrete_gaussian(self.scale, counts.size)
        return Released((counts + noise).astype(np.float64), self._entry)


class PaidChoices:
    """Chooses candidates by their scores until an event's choices are used up.

    Guarantee: the event, as long as one privacy unit moves every score by at most `sensitivity`.
    Source: permute-and-flip (McKenna, Sheldon 2020) as OpenDP implements it: exact, from OS entropy.
    """

    def __init__(
        self, event: ExponentialMechanism | NoPrivacy, receipt: Receipt, *, sensitivity: int, used: int = 0
    ) -> None:
        _check_paid(event, receipt)
        self._event = event
        self._entry = receipt.entry
        self._sensitivity = sensitivity
        self._left = event.count - used if isinstance(event, ExponentialMechanism) else None

    @property
    def scale(self) -> float:
        """Scale of the noise that decides; 0 without privacy."""
        if isinstance(self._event, NoPrivacy):
            return 0.0
        return 2 * self._sensitivity / self._event.epsilon

    def best(self, scores: NDArray[np.int64]) -> Released[int]:
        """Place of a candidate whose score is probably near the highest.

        Raises: ValueError if no choice is left; nothing is drawn then.
        """
        if isinstance(self._event, NoPrivacy) or self._left is None:
            return Released(int(np.argmax(scores)), self._entry)
        if self._left < 1:
            raise ValueError("no choice is left of those that were paid for")
        self._left -= 1
        space = opendp.vector_domain(opendp.atom_domain(T="i64")), opendp.linf_distance(T="i64")
        mechanism = opendp.m.make_noisy_max(*space, opendp.max_divergence(), scale=self.scale)
        if mechanism.map(self._sensitivity) > self._event.epsilon * (1 + 1e-9):
            raise ArithmeticError(f"a choice would cost {mechanism.map(self._sensitivity)}")
        return Released(int(mechanism([int(score) for score in scores])), self._entry)


def _check_paid(event: Event, receipt: Receipt) -> None:
    if event not in receipt.events:
        raise ValueError(f"the receipt of entry {receipt.entry} does not pay for {event}")
