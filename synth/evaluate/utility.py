"""Is the synthetic table of use? Train a classifier on it and test that on real rows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synth.core.schema import Column
from synth.errors import ConfigError
from synth.evaluate.features import MODEL_NAME, SEED, Encoding, macro_auc, plan_encoding, train
from synth.evaluate.rows import Rows

MAX_CLASSES = 10
_TEST_SHARE = 0.3
_LEAST_ROWS = 30


@dataclass(frozen=True, kw_only=True)
class Utility:
    """Classifiers trained on either table, tested on the same real rows.

    Attributes:
      target: the predicted column; None if none could be.
      task: what is predicted, in words.
      auc_synthetic, auc_real: area under the ROC curve (over classes: mean of one against the rest) of
        the classifier trained on synthetic and on real rows; None if not measured.
      model: the classifier's name.
      n_train, n_test: rows that each classifier saw, and rows of the test.
      test_rows: where the test rows come from, in words.
      note: what to know about the figures, or why there are none; empty if nothing.
    """

    target: str | None
    task: str
    auc_synthetic: float | None
    auc_real: float | None
    model: str
    n_train: int
    n_test: int
    test_rows: str
    note: str


def measure_utility(
    columns: Sequence[Column], real: Rows, synthetic: Rows, holdout: Rows | None, target: str | None
) -> Utility:
    """Train on synthetic, test on real; beside it train on real, test on real.

    Args:
      target: column to predict; None takes the last categorical one with 2 to 10 categories.
    Raises: ConfigError if `target` is not a modelled column.
    """
    column = _named(columns, target) if target else _last_categorical(columns, real)
    if column is None:
        return _without(None, "no categorical column has 2 to 10 categories; set evaluate.target")
    train_real, test, test_rows = _split(real, holdout)
    classify, task = _plan_classes(column, train_real)
    parts = [_with_target(rows, classify(rows)) for rows in (synthetic, train_real, test)]
    (_, synthetic_classes), (_, real_classes), (_, test_classes) = parts
    if len(np.unique(real_classes)) < 2 or len(np.unique(test_classes)) < 2:
        return _without(column.name, f"real rows of {column.name!r} hold a single class to train or test on")
    n_train = min(len(synthetic_classes), len(real_classes))
    if n_train < _LEAST_ROWS:
        return _without(column.name, f"{n_train} rows with a known target are too few to train on")
    encoding = plan_encoding([c for c in columns if c.name != column.name], [rows for rows, _ in parts])
    if not encoding.columns:
        return _without(column.name, "no other column holds two different values to predict from")
    auc_synthetic = _trained_on(parts[0], parts[2], n_train, encoding)
    note = (
        "" if len(np.unique(synthetic_classes)) > 1 else "the synthetic rows hold a single class: .5 by rule"
    )
    return Utility(
        target=column.name,
        task=task,
        auc_synthetic=auc_synthetic,
        auc_real=_trained_on(parts[1], parts[2], n_train, encoding),
        model=MODEL_NAME,
        n_train=n_train,
        n_test=len(test_classes),
        test_rows=test_rows,
        note=note,
    )


def _named(columns: Sequence[Column], target: str) -> Column:
    for column in columns:
        if column.name == target:
            return column
    names = ", ".join(column.name for column in columns)
    raise ConfigError(f"evaluate.target {target!r} is not a modelled column; choose one of {names}")


def _last_categorical(columns: Sequence[Column], real: Rows) -> Column | None:
    for column in reversed(columns):
        if not column.kind.is_binned:
            n_categories = len(real.columns[column.name].drop_null().unique())
            if 2 <= n_categories <= MAX_CLASSES:
                return column
    return None


def _split(real: Rows, holdout: Rows | None) -> tuple[Rows, Rows, str]:
    if holdout is not None:
        return real, holdout, "the holdout, which neither the synthesizer nor a classifier has seen"
    order = np.random.default_rng(SEED).permutation(real.n_rows)
    n_test = int(real.n_rows * _TEST_SHARE)
    seen = (
        "30% of the real rows, set aside from both classifiers; the synthesizer did see them, so the "
        "synthetic score may be flattered. Set evaluate.holdout for a stricter test"
    )
    return real.take(np.sort(order[n_test:])), real.take(np.sort(order[:n_test])), seen


class _MedianClasses:
    """Class 1 above the real median, 0 otherwise, -1 for null."""

    def __init__(self, column: Column, real: Rows) -> None:
        self._name = column.name
        values = real.columns[column.name]
        known = values[~np.isnan(values)]
        median = float(np.median(known)) if len(known) else 0.0
        # If the median is the largest value too, "at least" makes two classes where "above" makes one.
        self._threshold = median if (known > median).any() else float(np.nextafter(median, -np.inf))

    def __call__(self, rows: Rows) -> NDArray[np.int64]:
        values = rows.columns[self._name]
        return np.where(np.isnan(values), -1, values > self._threshold).astype(np.int64)


class _LabelClasses:
    """A class for each of the most frequent real labels, the last for all others, -1 for null."""

    def __init__(self, column: Column, real: Rows) -> None:
        self._name = column.name
        counted = real.columns[column.name].drop_null().value_counts().to_pylist()
        ranked = sorted(counted, key=lambda entry: (-entry["counts"], entry["values"]))
        kept = MAX_CLASSES if len(ranked) <= MAX_CLASSES else MAX_CLASSES - 1
        self._labels = {entry["values"]: place for place, entry in enumerate(ranked[:kept])}
        self.n_classes = min(len(ranked), MAX_CLASSES)

    def __call__(self, rows: Rows) -> NDArray[np.int64]:
        encoded = rows.columns[self._name].dictionary_encode()
        other = self.n_classes - 1
        codes = [self._labels.get(label, other) for label in encoded.dictionary.to_pylist()]
        table = np.array([*codes, -1], dtype=np.int64)
        return table[encoded.indices.fill_null(len(codes)).to_numpy(zero_copy_only=False)]


def _plan_classes(column: Column, real: Rows) -> tuple[_MedianClasses | _LabelClasses, str]:
    if column.kind.is_binned:
        return _MedianClasses(column, real), "whether the value lies above the real median"
    classes = _LabelClasses(column, real)
    return classes, f"which of {classes.n_classes} classes"


def _with_target(rows: Rows, classes: NDArray[np.int64]) -> tuple[Rows, NDArray[np.int64]]:
    known = np.flatnonzero(classes >= 0)
    return (rows, classes) if len(known) == rows.n_rows else (rows.take(known), classes[known])


def _trained_on(
    table: tuple[Rows, NDArray[np.int64]],
    test: tuple[Rows, NDArray[np.int64]],
    n_train: int,
    encoding: Encoding,
) -> float | None:
    """Area on the test rows of a classifier trained on `n_train` rows of the table."""
    rows, classes = table
    chosen = np.sort(np.random.default_rng(SEED).choice(rows.n_rows, n_train, replace=False))
    if len(np.unique(classes[chosen])) < 2:
        return 0.5
    classifier = train(encoding.matrix(rows.take(chosen)), classes[chosen], encoding)
    test_rows, test_classes = test
    # A class that was never seen in training scores 0 everywhere, which is an area of .5.
    scores = np.zeros((test_rows.n_rows, MAX_CLASSES))
    scores[:, classifier.classes] = classifier.scores(encoding.matrix(test_rows))
    return macro_auc(test_classes, scores)


def _without(target: str | None, reason: str) -> Utility:
    return Utility(
        target=target,
        task="",
        auc_synthetic=None,
        auc_real=None,
        model=MODEL_NAME,
        n_train=0,
        n_test=0,
        test_rows="",
        note=reason,
    )
