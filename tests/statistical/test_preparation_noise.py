"""Every count that a whole fit releases has the noise that its query paid for: 0.7x and 1.3x are rejected.

Each acceptance below allows 4.9 standard errors of the variance estimate over 1,500 fits: a false-alarm rate
of about 1e-6 each; the two rejections then miss by more than 6 standard errors. Draws are from OS entropy,
so a failure here is news.
"""

import functools
import math

import numpy as np
import pyarrow as pa
import pytest

from synth.config.sections import Prepare
from synth.core.codebook import BinnedCodebook, CategoricalCodebook
from synth.core.feature import features_of
from synth.core.finding import Findings
from synth.core.prepared import PreparedManifest
from synth.core.schema import Column, Kind, PrivacyUnit, TableSchema
from synth.prepare.fit import fit
from synth.prepare.plan import PreparePlan, Purpose
from synth.prepare.summary import Summary, count_batches
from synth.privacy import noise
from synth.privacy.budget import DiscreteGaussian, Selection
from synth.privacy.entry import Receipt
from synth.privacy.select import key_threshold, select_keys

FITS = 1_500
MU = 0.5
SCHEMA = TableSchema(
    name="t",
    columns=(
        Column(name="sex", spark_type="string", kind=Kind.CATEGORICAL, categories=("F", "M", "X")),
        Column(name="colour", spark_type="string", kind=Kind.CATEGORICAL, weight=0.5),
        Column(name="band", spark_type="double", kind=Kind.REAL, edges=(0.0, 1.0, 2.0, 3.0)),
        Column(name="who", spark_type="string", kind=Kind.ID),
    ),
    unit=PrivacyUnit(entity="who", max_rows=2),
)
N_ROWS, N_UNITS = 9_000, 6_000
EXACT = {
    "sex": [3_000, 2_000, 2_500, 1_500],
    "colour": [1_000, 5_000, 3_000],
    "band": [1_500, 2_500, 1_000, 4_000],
}
"""Nulls first; no released count is near zero, so that none is clipped."""


def columns() -> dict[str, pa.Array]:
    values = {
        "sex": [None, "F", "M", "X"],
        "colour": [None, "pale red", "pale blue"],
        "band": [None, 0.5, 1.5, 2.5],
    }
    return {
        name: pa.array([v for v, n in zip(values[name], EXACT[name], strict=True) for _ in range(n)])
        for name in EXACT
    }


@functools.cache
def fits() -> tuple[PreparePlan, tuple[PreparedManifest, ...]]:
    """Many fits of one summary, each with noise of its own."""
    features = features_of(SCHEMA)
    batches = iter([pa.RecordBatch.from_pydict(columns())])
    records = pa.Table.from_batches(count_batches(batches, features, SCHEMA, max_held=100))
    summary = Summary.of_records(records, len(features), N_UNITS)
    settings = Prepare()
    plan = PreparePlan.of(SCHEMA, settings, MU, 1e-6, N_ROWS)
    receipt = Receipt(entry=1, events=plan.events())
    findings = Findings(table="t", n_rows=1.0, columns=())
    return plan, tuple(fit(summary, SCHEMA, plan, receipt, settings, findings) for _ in range(FITS))


def scale_of(purpose: Purpose, feature: str | None) -> float:
    plan, _ = fits()
    (query,) = [q for q in plan.queries if (q.purpose, q.feature) == (purpose, feature)]
    return plan.event(query).scale


def has_scale(errors: np.ndarray, scale: float) -> bool:
    """Whether the mean square fits the scale, within 4.9 standard errors."""
    ratio = float(np.mean(np.square(errors, dtype=np.float64))) / scale**2
    return abs(ratio - 1) < 4.9 * math.sqrt(2 / errors.size)


def check(errors: np.ndarray, scale: float) -> None:
    assert has_scale(errors, scale)
    assert not has_scale(errors, 0.7 * scale)
    assert not has_scale(errors, 1.3 * scale)
    assert abs(errors.mean()) < 4.9 * scale / math.sqrt(errors.size)


def counts_of(name: str) -> np.ndarray:
    """Released counts of one feature, nulls first, less the exact ones: [FITS, codes]."""
    errors = []
    for manifest in fits()[1]:
        (book,) = [codebook for codebook in manifest.codebooks if codebook.column == name]
        assert isinstance(book, CategoricalCodebook | BinnedCodebook)
        if isinstance(book, CategoricalCodebook) and name == "colour":
            assert {"pale red", "pale blue"} <= set(book.categories), "seldom a word more"
            found = dict(zip(book.categories, book.counts[1:], strict=False))
            errors.append([book.counts[0], found["pale red"], found["pale blue"]])
        else:
            errors.append(list(book.counts))
    return np.array(errors) - np.array(EXACT[name])


@pytest.mark.parametrize(
    ("purpose", "name"), [(Purpose.DECLARED, "sex"), (Purpose.FOUND, "colour"), (Purpose.BINS, "band")]
)
def test_each_histogram_has_the_noise_of_its_own_query(purpose: Purpose, name: str) -> None:
    errors = counts_of(name)
    check(errors, scale_of(purpose, name))
    for code in range(errors.shape[1]):
        assert len(set(errors[:, code].tolist())) > 10, "every count is drawn anew"


def test_cells_of_a_histogram_and_histograms_have_noise_of_their_own() -> None:
    """1,500 draws: of the 45 correlations one is beyond 0.15, 5.8 standard errors, at a rate below 1e-6."""
    errors = np.hstack([counts_of(name) for name in EXACT])
    related = np.corrcoef(errors.T) - np.eye(errors.shape[1])
    assert np.abs(related).max() < 0.15


def test_row_and_unit_counts_have_the_noise_of_their_own_queries() -> None:
    manifests = fits()[1]
    check(np.array([m.n_rows for m in manifests]) - N_ROWS, scale_of(Purpose.ROWS, None))
    # Units are clipped to what the rows allow: 4,500 .. 9,000, far from here.
    check(np.array([m.n_units for m in manifests]) - N_UNITS, scale_of(Purpose.UNITS, None))
    assert scale_of(Purpose.ROWS, None) == pytest.approx(2 * scale_of(Purpose.UNITS, None))


def test_the_purposes_have_scales_that_the_checks_tell_apart() -> None:
    scales = [
        scale_of(Purpose.DECLARED, "sex"),
        scale_of(Purpose.FOUND, "colour"),
        scale_of(Purpose.BINS, "band"),
        scale_of(Purpose.ROWS, None),
    ]
    assert len({round(scale, 3) for scale in scales}) == len(scales)


@pytest.mark.parametrize(("max_rows", "pruned"), [(1, 0), (1, 6), (4, 6)])
def test_a_key_that_one_unit_lifts_over_the_pruned_rows_is_named_at_most_at_rate_delta(
    max_rows: int, pruned: int
) -> None:
    """10^6 trials of the worst count, pruned + max_rows, at delta 1e-3: 4.9 standard deviations above the
    bound, so a false-alarm rate below 1e-6; a threshold that forgets what was pruned is seen."""
    delta, trials, scale = 1e-3, 1_000_000, 4.0
    receipt = Receipt(
        entry=1,
        events=(
            DiscreteGaussian(scale=scale, sensitivity=max_rows, count=1),
            Selection(delta=delta, count=1),
        ),
    )
    threshold = key_threshold(receipt, max_rows=max_rows, pruned=pruned)
    draws = pruned + max_rows + noise.discrete_gaussian(scale, trials)
    rate = delta / max_rows  # a unit may have so many keys, each with a chance of its own
    most = rate * trials + 4.9 * math.sqrt(rate * trials)
    named = (draws >= threshold).sum()
    assert named <= most
    assert named > 0.3 * rate * trials, "the threshold is no higher than it must be"
    forgets = threshold - max_rows if pruned == 0 else threshold - pruned
    assert (draws >= forgets).sum() > most


def test_select_keys_draws_its_threshold_from_what_was_pruned() -> None:
    """20,000 keys at the worst count, delta 0.01 each: 200 expected at most; 270 is 4.9 above it."""
    receipt = Receipt(
        entry=1,
        events=(DiscreteGaussian(scale=4.0, sensitivity=1, count=1), Selection(delta=0.01, count=1)),
    )
    worst = {str(key): 6 + 1 for key in range(20_000)}
    assert len(select_keys(worst, receipt, max_rows=1, pruned=6).value) <= 270
    assert len(select_keys(worst, receipt, max_rows=1, pruned=0).value) > 270, "the check can fail"
    pruned_away = {str(key): 6 for key in range(20_000)}
    assert select_keys(pruned_away, receipt, max_rows=1, pruned=6).value == {}
