"""Can a classifier tell real rows from synthetic ones? It should not."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from synth.core.schema import Column
from synth.evaluate.features import MODEL_NAME, SEED, Classifier, plan_encoding, train
from synth.evaluate.rows import Rows

MAX_ROWS = 20_000
N_FOLDS = 3
_LEAST_ROWS = 30
_MAX_EXPLAINED = 100
_SUSPICIOUS = 0.45


@dataclass(frozen=True, kw_only=True)
class Discriminator:
    """How well a classifier tells real rows from synthetic ones.

    Attributes:
      auc: out-of-fold area under the ROC curve, .5 cannot tell .. 1 always right; None if not measured.
      n_rows: rows of each table.
      model: the classifier's name.
      tells: for each column how much of the area is lost when its values are shuffled, largest first.
      note: what to know about the figure, or why there is none; empty if nothing.
    """

    auc: float | None
    n_rows: int
    model: str
    tells: tuple[tuple[str, float], ...]
    note: str


def discriminate(columns: Sequence[Column], real: Rows, synthetic: Rows) -> Discriminator:
    """Cross-validate a classifier on equally many rows of both tables, at most 20,000 of each.

    An area below .5 is reported as .5: it means that rows of one table stand in the other one, and the
    note then says so.
    """
    n_rows = min(real.n_rows, synthetic.n_rows, MAX_ROWS)
    if n_rows < _LEAST_ROWS:
        return _without(n_rows, f"{n_rows} rows of each table are too few to train a classifier")
    generator = np.random.default_rng(SEED)
    chosen = [rows.take(generator.choice(rows.n_rows, n_rows, replace=False)) for rows in (real, synthetic)]
    encoding = plan_encoding(columns, chosen)
    if not encoding.columns:
        return Discriminator(
            auc=0.5, n_rows=n_rows, model=MODEL_NAME, tells=(), note="no column holds two different values"
        )
    matrix = np.vstack([encoding.matrix(rows) for rows in chosen])
    is_synthetic = np.repeat(np.array([0, 1]), n_rows)
    scores = np.empty(2 * n_rows)
    lost = np.zeros(len(encoding.columns))
    folds = StratifiedKFold(n_splits=N_FOLDS, shuffle=True, random_state=SEED)
    for fold, (fitted, held) in enumerate(folds.split(matrix, is_synthetic)):
        classifier = train(matrix[fitted], is_synthetic[fitted], encoding)
        scores[held] = classifier.scores(matrix[held])[:, 1]
        if fold == 0 and len(lost) <= _MAX_EXPLAINED:
            lost = _lost_by_shuffling(classifier, matrix[held], is_synthetic[held], generator)
    area = float(roc_auc_score(is_synthetic, scores))
    note = (
        "the raw area is far below .5: many rows stand in both tables; look for copied rows"
        if area < _SUSPICIOUS
        else ""
    )
    order = np.argsort(-lost, kind="stable")
    return Discriminator(
        auc=max(0.5, area),
        n_rows=n_rows,
        model=MODEL_NAME,
        tells=tuple((encoding.columns[place], float(lost[place])) for place in order if lost[place] > 0),
        note=note,
    )


def _lost_by_shuffling(
    classifier: Classifier,
    matrix: NDArray[np.float64],
    labels: NDArray[np.int64],
    generator: np.random.Generator,
) -> NDArray[np.float64]:
    """Area lost per feature when it is shuffled over the rows. [K], >= 0."""
    area = roc_auc_score(labels, classifier.scores(matrix)[:, 1])
    lost = np.zeros(matrix.shape[1])
    for feature in range(matrix.shape[1]):
        shuffled = matrix.copy()
        shuffled[:, feature] = generator.permutation(shuffled[:, feature])
        lost[feature] = area - roc_auc_score(labels, classifier.scores(shuffled)[:, 1])
    return np.maximum(lost, 0)


def _without(n_rows: int, reason: str) -> Discriminator:
    return Discriminator(auc=None, n_rows=n_rows, model=MODEL_NAME, tells=(), note=reason)
