"""Codes too rare to be told apart in pairs share a group; codes without a released count are impossible."""

import numpy as np

from synth.core.codebook import Codebook
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
