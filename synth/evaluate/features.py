"""Rows as a matrix that gradient-boosted trees can learn from, and the classifier itself."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits  # ships no types

from synth.core.schema import Column
from synth.evaluate.bins import CategoryBins
from synth.evaluate.rows import Rows, Values

MODEL_NAME = "gradient-boosted trees (scikit-learn HistGradientBoostingClassifier, 100 rounds)"
SEED = 0
_MAX_LABELS = 200  # the trees take at most 255 categories


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """How columns become features: numbers as they are, categories as codes, null as NaN.

    Attributes:
      columns: names, in the order of the matrix.
      labels: the categories of each column that is coded; None for numbers.
    """

    columns: tuple[str, ...]
    labels: tuple[CategoryBins | None, ...]

    @property
    def is_categorical(self) -> NDArray[np.bool_]:
        """Which features are codes. bool [K]."""
        return np.array([labels is not None for labels in self.labels], dtype=np.bool_)

    def matrix(self, rows: Rows) -> NDArray[np.float64]:
        """float64 [n, K]."""
        matrix = np.empty((rows.n_rows, len(self.columns)))
        for position, (name, labels) in enumerate(zip(self.columns, self.labels, strict=True)):
            values = rows.columns[name]
            if labels is not None:
                codes = labels.encode(values).astype(np.float64)
                values = np.where(codes == 0, np.nan, codes)
            matrix[:, position] = values
        return matrix


def plan_encoding(columns: Sequence[Column], tables: Sequence[Rows]) -> Encoding:
    """An encoding that knows the frequent labels of all the tables; the rest shares one code.

    Columns without two different values in the tables together teach nothing and are left out.
    """
    useful = [c for c in columns if _varies([table.columns[c.name] for table in tables])]
    return Encoding(
        columns=tuple(column.name for column in useful),
        labels=tuple(
            None if column.kind.is_binned else _frequent([table.columns[column.name] for table in tables])
            for column in useful
        ),
    )


@dataclass(frozen=True, kw_only=True)
class Classifier:
    """Fitted trees; `classes` are those seen in training, ascending."""

    trees: HistGradientBoostingClassifier
    classes: NDArray[np.int64]

    def scores(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probability of each class. [n, K] -> [n, C]."""
        with _one_thread():
            return np.asarray(self.trees.predict_proba(matrix))


def train(matrix: NDArray[np.float64], labels: NDArray[np.int64], encoding: Encoding) -> Classifier:
    """The classifier fitted to float64 [n, K] and classes [n]; the same input gives the same trees."""
    trees = HistGradientBoostingClassifier(
        categorical_features=encoding.is_categorical, early_stopping=False, random_state=SEED
    )
    # The trees cannot bin a column without any value; a constant one tells them as little.
    matrix = np.where(np.isnan(matrix).all(axis=0), 0.0, matrix)
    with _one_thread():
        trees.fit(matrix, labels)
    return Classifier(trees=trees, classes=np.asarray(trees.classes_))


def macro_auc(classes: NDArray[np.int64], scores: NDArray[np.float64]) -> float | None:
    """Mean over classes of the area under the ROC curve of one class against the rest.

    Args:
      classes: [n] in [0, C). scores: [n, C].
    Returns: None if the rows hold fewer than two classes.
    """
    present = np.unique(classes)
    if len(present) < 2:
        return None
    return float(np.mean([roc_auc_score(classes == label, scores[:, label]) for label in present]))


def _one_thread() -> Any:
    # OpenMP's threads spin while they wait: beside any other process on the same cores a fit of half a
    # second took a minute. One thread also sums in one order, so the figures repeat.
    return threadpool_limits(limits=1, user_api="openmp")


def _varies(parts: Sequence[Values]) -> bool:
    if isinstance(parts[0], np.ndarray):
        joined = np.concatenate(parts)
        return len(np.unique(joined)) > 1  # NaN counts as one value
    return len(pa.chunked_array(parts, pa.string()).unique()) > 1


def _frequent(parts: Sequence[pa.Array]) -> CategoryBins:
    counts: Counter[str] = Counter()
    for part in parts:
        for entry in part.drop_null().value_counts().to_pylist():
            counts[entry["values"]] += entry["counts"]
    ranked = sorted(counts, key=lambda label: (-counts[label], label))
    return CategoryBins(labels=tuple(ranked[:_MAX_LABELS]))
