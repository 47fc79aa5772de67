"""The cases as columns of one wide table a shape, and the copies that a perfect model makes of them."""

import functools
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from case import Case
from cases import CASES, COLUMNS
from numpy.typing import NDArray
from perfect_model import ROWS, copy_of, to_array
from shapes import values_of

from synth.privacy import noise

EPSILON = 10.0


@functools.cache
def real_values(shape: str) -> dict[Case, list[Any]]:
    """The values of every case that has the shape."""
    drawn = {case: values_of(case, shape, ROWS) for case in CASES}
    return {case: values for case, values in drawn.items() if values is not None}


@functools.cache
def real_arrays(shape: str) -> dict[Case, pa.Array]:
    """The same as a reader hands them over."""
    return {case: to_array(values, case.spark_type) for case, values in real_values(shape).items()}


@functools.cache
def copies(shape: str, *, private: bool) -> dict[Case, pa.Array | Exception]:
    """Every column of the copy; a column that alone breaks the pipeline has its error instead."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(noise, "discrete_gaussian", _Noise())
        return _copied(list(real_arrays(shape).items()), private=private)


def _copied(columns: list[tuple[Case, pa.Array]], *, private: bool) -> dict[Case, pa.Array | Exception]:
    batch = pa.RecordBatch.from_pydict({COLUMNS[case.name]: array for case, array in columns})
    spark_types = {COLUMNS[case.name]: case.spark_type for case, _ in columns}
    try:
        made = copy_of(batch, spark_types, epsilon=EPSILON if private else None)
    except Exception as error:  # whichever it is, the case that it belongs to tells it
        if len(columns) == 1:
            return {columns[0][0]: error}
        half = len(columns) // 2
        parts = (_copied(part, private=private) for part in (columns[:half], columns[half:]))
        return {case: result for part in parts for case, result in part.items()}
    return {case: made.column(COLUMNS[case.name]) for case, _ in columns}


class _Noise:
    """Gaussian noise of the scale asked for, the same in every run of the tests."""

    def __init__(self) -> None:
        self._rng = np.random.default_rng(0)

    def __call__(self, scale: float, n: int) -> NDArray[np.int64]:
        return np.rint(self._rng.normal(0, scale, n)).astype(np.int64)
