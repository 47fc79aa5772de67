"""Codes too rare to be told apart in pairs share a group; codes without a released count are impossible."""

from collections.abc import Sequence

import numpy as np

from synth.core.codebook import Codebook
from synth.marginal.measure import Measurement
from synth.models.tables import Grouping


def grouping_of(codebook: Codebook, least: float) -> Grouping:
    """Groups of a column's codes by its released 1-way counts; post-processing, so it costs nothing.

    Codes with a released count below `least` are merged, and divided again by those counts. A column
    without any count keeps all its codes.
    Source: the compression of MST (McKenna, Miklau, Sheldon 2021).
    """
    counts = np.asarray(codebook.counts, dtype=np.float64)
    possible = counts > 0
    if not possible.any():
        return Grouping.identity(codebook.n_codes)
    rare = possible & (counts < least)
    if rare.sum() < 2:
        rare[:] = False
    group = np.full(codebook.n_codes, -1, dtype=np.int64)
    share = possible.astype(np.float64)
    kept = np.flatnonzero(possible & ~rare)
    group[kept] = np.arange(len(kept))
    if rare.any():
        group[rare] = len(kept)
        share[rare] = counts[rare] / counts[rare].sum()
    return Grouping(group=group, share=share)


def released_columns(
    codebooks: Sequence[Codebook], groupings: Sequence[Grouping], stddev: float
) -> tuple[Measurement, ...]:
    """What preparation released about each column, as measurements that cost nothing more.

    Args:
      stddev: of the noise in a code's released count.
    """
    found = []
    for column, (codebook, grouping) in enumerate(zip(codebooks, groupings, strict=True)):
        possible = grouping.group >= 0
        counts = np.asarray(codebook.counts, dtype=np.float64)[possible]
        values = np.bincount(grouping.group[possible], counts, grouping.n_groups).astype(np.float64)
        found.append(Measurement(scope=(column,), values=values, stddev=stddev))
    return tuple(found)
