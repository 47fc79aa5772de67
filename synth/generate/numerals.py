"""Numbers of as many digits as the source's have, each row another one as long as there are enough."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from synth.generate.draw import permuted
from synth.generate.text import digits, joined

_PERIOD = 1000
"""Rows after which the pattern of widths begins again: a share is kept to a tenth of a percent."""
MOST_DIGITS = 18
"""Digits of the largest numbers that are made as whole: more are put before them."""

Widths = tuple[tuple[int, float], ...]


def numbers_of(
    row_ids: NDArray[np.int64],
    widths: Widths,
    key: int,
    *,
    padded: bool = False,
    least: int = 1 - 10**18,
    most: int = 10**18 - 1,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """A number and its width for each row: int64 [n], int64 [n].

    Each width takes its share of every thousand rows, and counts its own rows, so that no number repeats.
    Rows for which a width has no number left get more digits than all others, and where the type has no such
    number they get one below zero.
    Args:
      widths: (number of digits in 1 .. 18, share) with shares > 0.
      padded: whether numbers may begin with zeros, so that all of a width's numbers are possible.
      least, most: the smallest and the largest number that the type holds; least < 0.
    """
    chosen, serials = _classes(row_ids, widths)
    made = np.zeros(len(row_ids), dtype=np.int64)
    width_of = np.zeros(len(row_ids), dtype=np.int64)
    left_over = np.zeros(len(row_ids), dtype=bool)
    for index, (width, _) in enumerate(widths):
        low = 0 if padded or width == 1 else 10 ** (width - 1)
        size = max(0, min(10**width - 1, most) - low + 1)
        fits = (chosen == index) & (serials < size)
        left_over |= (chosen == index) & ~fits
        if fits.any():
            made[fits] = low + permuted(serials[fits], size, key + 7919 * index + width)
            width_of[fits] = width
    widest, serials = max(width for width, _ in widths), row_ids
    while left_over.any() and widest < MOST_DIGITS and 10**widest <= most:
        low, widest = 10**widest, widest + 1
        size = min(10**widest - 1, most) - low + 1
        fits = left_over & (serials < size)
        if fits.any():
            made[fits] = low + permuted(serials[fits], size, key + widest)
            width_of[fits] = widest
        left_over, serials = left_over & ~fits, serials - size
    made[left_over], width_of[left_over] = -1 - row_ids[left_over] % -least, widest
    return made, width_of


def _classes(row_ids: NDArray[np.int64], widths: Widths) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which width each row has, and how many rows before it have the same. [n] -> [n], [n]."""
    shares = np.array([share for _, share in widths])
    ends = np.round(np.cumsum(shares / shares.sum()) * _PERIOD).astype(np.int64)
    starts = np.concatenate([[0], ends[:-1]])
    place = permuted(row_ids % _PERIOD, _PERIOD, 1)  # spreads the widths over the rows
    chosen = np.minimum(np.searchsorted(ends, place, side="right"), len(widths) - 1)
    sizes = np.maximum(ends - starts, 1)
    return chosen, (row_ids // _PERIOD) * sizes[chosen] + (place - starts[chosen])


def numerals(row_ids: NDArray[np.int64], widths: Widths, key: int, *, padded: bool) -> pa.Array:
    """Strings of as many digits as the widths say. [n] -> [n]."""
    narrow = tuple((min(width, MOST_DIGITS), share) for width, share in widths)
    made, width_of = numbers_of(row_ids, narrow, key, padded=padded)
    texts = digits(made, 1)
    if padded:
        for width in np.unique(width_of).tolist():
            here = width_of == width
            texts = pc.replace_with_mask(texts, pa.array(here), digits(made[here], width))
    wider = {width for width, _ in widths if width > MOST_DIGITS}
    if wider:  # what is more than a number holds is put before it
        chosen, _ = _classes(row_ids, widths)
        more = np.array([max(0, width - MOST_DIGITS) for width, _ in widths])[chosen]
        head = pa.array(["1" + "0" * (n - 1) if n else "" for n in more.tolist()], pa.string())
        texts = joined(head, texts)
    return texts
