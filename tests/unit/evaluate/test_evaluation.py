"""A whole comparison on made tables: what it sees, what it says, and what it must not say."""

import json
import re
import warnings
from dataclasses import replace
from html import escape
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from synth.config.sections import Evaluate
from synth.core.schema import Column, Kind, PrivacyUnit, TableSchema
from synth.errors import ConfigError, SourceError
from synth.evaluate.bins import encode, fit_bins
from synth.evaluate.discriminator import discriminate
from synth.evaluate.distributions import CategoryComparison, NumberComparison
from synth.evaluate.evaluation import Evaluation, Measured, PrivacyStatement, compare
from synth.evaluate.marginals import plan_workload
from synth.evaluate.report import write_report
from synth.evaluate.rows import Rows
from synth.evaluate.utility import measure_utility

COLUMNS = (
    Column(name="x", spark_type="double", kind=Kind.REAL),
    Column(name="n", spark_type="int", kind=Kind.INTEGER),
    Column(name="day", spark_type="date", kind=Kind.DATE),
    Column(name="at", spark_type="timestamp", kind=Kind.TIMESTAMP),
    Column(name="color", spark_type="string", kind=Kind.CATEGORICAL),
    Column(name="label", spark_type="boolean", kind=Kind.BOOLEAN),
)
SCHEMA = TableSchema(
    name="made",
    columns=(*COLUMNS, Column(name="ssn", spark_type="string", kind=Kind.ID, entity="ssn")),
    unit=PrivacyUnit(),
)


def draw(n_rows: int, seed: int, shift: float = 0.0) -> Rows:
    """Rows whose `label` follows from `x` and `color`; `shift` moves every number."""
    generator = np.random.default_rng(seed)
    x = generator.normal(size=n_rows)
    color = generator.choice(["red", "green", "blue"], n_rows)
    label = x + (color == "red") + 0.5 * generator.normal(size=n_rows) > 0.3
    number = np.round(generator.gamma(2, 10, n_rows)) + 10 * shift
    number[generator.random(n_rows) < 0.1] = np.nan
    return Rows(
        n_rows=n_rows,
        columns={
            "x": x + shift,
            "n": number,
            "day": generator.integers(19_000, 20_000, n_rows).astype(np.float64),
            "at": generator.integers(1_700_000_000, 1_710_000_000, n_rows).astype(np.float64),
            "color": pa.array(color, pa.string()),
            "label": pa.array(np.where(label, "true", "false"), pa.string()),
        },
    )


def without_label_link(rows: Rows, seed: int = 0) -> Rows:
    """The same rows with their labels shuffled."""
    order = pa.array(np.random.default_rng(seed).permutation(rows.n_rows))
    return replace(rows, columns={**rows.columns, "label": rows.columns["label"].take(order)})


def compare_rows(
    real: Rows,
    synthetic: Rows,
    holdout: Rows | None = None,
    schema: TableSchema = SCHEMA,
    target: str | None = None,
) -> Evaluation:
    """What the Spark door does, on arrays; warnings are errors here as everywhere."""
    bins = fit_bins(real, schema.modelled)
    workload = plan_workload([column_bins.n_codes for column_bins in bins.values()])

    def measure(rows: Rows) -> Measured:
        return Measured(n_rows=rows.n_rows, counts=workload.count(encode(rows, bins)), sample=rows)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return compare(
            schema,
            Evaluate(target=target),
            bins,
            workload,
            measure(real),
            measure(synthetic),
            None if holdout is None else measure(holdout),
            lambda line: None,
        )


# -- distances and classifiers --------------------------------------------------------------------


def test_a_planted_shift_is_found_by_every_measure() -> None:
    # The bounds lie more than ten standard errors from what either case gives.
    near = compare_rows(draw(2_000, 0), draw(2_000, 1), draw(2_000, 2))
    far = compare_rows(draw(2_000, 0), draw(2_000, 1, shift=2.0), draw(2_000, 2))
    assert near.fidelity is not None
    assert far.fidelity is not None
    assert near.fidelity.floor is not None
    for order in ("tvd_1way", "tvd_2way", "tvd_3way"):
        floor = getattr(near.fidelity.floor, order)
        assert getattr(near.fidelity.synthetic, order) < 1.3 * floor
        assert getattr(far.fidelity.synthetic, order) > 2 * floor
    assert near.discriminator.auc is not None
    assert near.discriminator.auc < 0.54
    assert far.discriminator.auc is not None
    assert far.discriminator.auc > 0.9
    assert {name for name, _ in far.discriminator.tells[:2]} == {"x", "n"}


def test_the_same_rows_are_compared_the_same_way_twice() -> None:
    real, synthetic = draw(800, 0), draw(800, 1, shift=0.3)
    assert compare_rows(real, synthetic) == compare_rows(real, synthetic)


def test_a_copy_of_the_real_rows_is_told_in_the_note() -> None:
    real = draw(2_000, 0)
    discriminator = discriminate(COLUMNS, real, real)
    assert discriminator.auc == 0.5
    assert "copied rows" in discriminator.note


def test_a_synthetic_table_is_as_useful_as_what_it_keeps() -> None:
    real, holdout = draw(2_000, 0), draw(2_000, 2)
    kept = measure_utility(COLUMNS, real, draw(2_000, 1), holdout, None)
    lost = measure_utility(COLUMNS, real, without_label_link(draw(2_000, 1)), holdout, None)
    assert (kept.target, kept.task) == ("label", "which of 2 classes")
    assert kept.auc_real is not None
    assert kept.auc_synthetic is not None
    assert lost.auc_synthetic is not None
    assert kept.auc_real > 0.9
    assert kept.auc_synthetic > kept.auc_real - 0.03
    assert abs(lost.auc_synthetic - 0.5) < 0.1


def test_without_a_holdout_the_test_rows_are_not_trained_on_and_the_report_says_what_saw_them() -> None:
    utility = measure_utility(COLUMNS, draw(1_000, 0), draw(2_000, 1), None, None)
    assert (utility.n_train, utility.n_test) == (700, 300)
    assert "the synthesizer did see them" in utility.test_rows


@pytest.mark.parametrize(
    ("target", "task"), [("n", "above the real median"), ("color", "which of 3 classes")]
)
def test_a_named_target_may_be_a_number_or_have_many_classes(target: str, task: str) -> None:
    utility = measure_utility(COLUMNS, draw(1_000, 0), draw(1_000, 1), None, target)
    assert task in utility.task
    assert utility.auc_real is not None
    assert 0 <= utility.auc_real <= 1


def test_a_target_that_is_no_column_ends_in_one_readable_line() -> None:
    with pytest.raises(ConfigError, match="choose one of x, n, day"):
        measure_utility(COLUMNS, draw(100, 0), draw(100, 1), None, "ssn")


def test_a_synthetic_table_with_one_class_scores_a_half() -> None:
    synthetic = draw(500, 1)
    constant = replace(synthetic, columns={**synthetic.columns, "label": pa.array(["true"] * 500)})
    utility = measure_utility(COLUMNS, draw(500, 0), constant, None, None)
    assert utility.auc_synthetic == 0.5
    assert "single class" in utility.note


def test_without_a_target_there_is_a_reason() -> None:
    utility = measure_utility(COLUMNS[:4], draw(500, 0), draw(500, 1), None, None)
    assert utility.auc_synthetic is None
    assert "set evaluate.target" in utility.note


# -- odd tables -----------------------------------------------------------------------------------


def narrow(values: list[float], kind: Kind = Kind.REAL) -> tuple[TableSchema, Rows]:
    column = Column(name="only", spark_type="double", kind=kind)
    schema = TableSchema(name="narrow", columns=(column,), unit=PrivacyUnit())
    return schema, Rows(n_rows=len(values), columns={"only": np.array(values, dtype=np.float64)})


@pytest.mark.parametrize(
    ("real", "synthetic"),
    [
        ([1.0, 2.0, 3.0] * 40, [1.0, 2.0, 2.5] * 40),
        ([5.0] * 100, [5.0] * 100),
        ([np.nan] * 100, [np.nan] * 100),
        ([np.nan] * 100, [1.0] * 100),
        ([1.0] * 100, [np.nan] * 100),
        ([1e300, -1e300] * 50, [1e308, -1e308] * 50),
        ([1.0, 2.0], [1.0]),
    ],
)
@pytest.mark.parametrize("kind", [Kind.REAL, Kind.DATE])
def test_any_single_column_is_compared_and_drawn(
    real: list[float], synthetic: list[float], kind: Kind, tmp_path: Path
) -> None:
    schema, rows = narrow(real, kind)
    evaluation = compare_rows(rows, narrow(synthetic, kind)[1], schema=schema)
    assert evaluation.fidelity is not None
    assert evaluation.fidelity.synthetic.tvd_2way is None
    write_report(tmp_path, evaluation, STATEMENT, "narrow")
    assert json.loads((tmp_path / "report.json").read_text())["fidelity"]["tvd_2way"] is None


def test_a_table_of_made_up_columns_has_nothing_to_compare(tmp_path: Path) -> None:
    schema = replace(SCHEMA, columns=SCHEMA.columns[-1:])
    evaluation = compare_rows(draw(60, 0), draw(60, 1), schema=schema)
    assert evaluation.fidelity is None
    assert evaluation.made_up == ("ssn",)
    write_report(tmp_path, evaluation, STATEMENT, "made up")


def test_an_empty_table_ends_in_one_readable_line() -> None:
    with pytest.raises(SourceError, match="synthetic table has no rows"):
        compare_rows(draw(60, 0), draw(60, 0).take(np.array([], dtype=np.intp)))


# -- the report -----------------------------------------------------------------------------------

STATEMENT = PrivacyStatement(
    table="made",
    unit="row",
    epsilon_total=0.97,
    epsilon_budget=1.0,
    delta=1e-6,
    by_stage={"prepare": 0.2, "train": 0.85},
    is_private=True,
)


def test_the_json_holds_what_machines_ask_for(tmp_path: Path) -> None:
    write_report(tmp_path, compare_rows(draw(400, 0), draw(400, 1)), STATEMENT, "Made")
    report = json.loads((tmp_path / "report.json").read_text())
    for order in ("tvd_1way", "tvd_2way", "tvd_3way"):
        assert 0 < report["fidelity"][order] < 1
    assert 0.5 <= report["discriminator_auc"] <= 1
    assert report["utility"]["target"] == "label"
    assert {"auc_synthetic", "auc_real", "model"} <= set(report["utility"])
    assert report["privacy"]["epsilon_total"] == 0.97
    assert report["privacy"]["delta"] == 1e-6
    assert report["privacy"]["by_stage"] == {"prepare": 0.2, "train": 0.85}
    assert report["marking"] == "internal (not DP)"
    assert set(report["columns"]) == {column.name for column in COLUMNS}


def test_a_table_without_privacy_is_called_so_in_words(tmp_path: Path) -> None:
    free = replace(
        STATEMENT, epsilon_total=None, epsilon_budget=None, delta=None, by_stage={}, is_private=False
    )
    write_report(tmp_path, compare_rows(draw(400, 0), draw(400, 1)), free, "Made")
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["privacy"]["epsilon_total"] is None
    assert "made WITHOUT privacy" in report["privacy"]["statement"]
    assert "made WITHOUT privacy" in (tmp_path / "report.html").read_text()


def test_a_private_table_without_an_epsilon_cannot_be_stated() -> None:
    with pytest.raises(ValueError, match="without the epsilon"):
        replace(STATEMENT, epsilon_total=None)


def test_the_page_is_marked_and_fetches_nothing(tmp_path: Path) -> None:
    write_report(tmp_path, compare_rows(draw(400, 0), draw(400, 1), draw(400, 2)), STATEMENT, "Made")
    page = (tmp_path / "report.html").read_text()
    assert page.count("internal (not DP)") > 5
    assert not re.search(r"""(src|href)\s*=|url\(|@import|<script|https?://""", page)


def test_names_and_labels_are_escaped(tmp_path: Path) -> None:
    evil = """<b onload="x">&'`.$"""
    renamed = {"x": evil, "color": evil + "2"}
    schema = replace(
        SCHEMA,
        columns=tuple(replace(column, name=renamed.get(column.name, column.name)) for column in COLUMNS),
    )

    def rename(rows: Rows) -> Rows:
        columns = {renamed.get(name, name): values for name, values in rows.columns.items()}
        labels = ["<i>" + label for label in columns[evil + "2"].to_pylist()]
        return replace(rows, columns={**columns, evil + "2": pa.array(labels)})

    evaluation = compare_rows(rename(draw(400, 0)), rename(draw(400, 1)), schema=schema)
    write_report(tmp_path, evaluation, STATEMENT, evil)
    page = (tmp_path / "report.html").read_text()
    assert escape(evil) in page
    assert "<b onload" not in page
    assert "<i>red" not in page


def test_no_value_that_only_real_rows_hold_is_shown(tmp_path: Path) -> None:
    real, synthetic = draw(900, 0), draw(900, 1)
    colors = real.columns["color"].to_pylist()
    colors[:270] = ["secretcolor"] * 270
    x = real.columns["x"].copy()
    x[0] = 7.654321e9
    real = replace(real, columns={**real.columns, "x": x, "color": pa.array(colors)})
    evaluation = compare_rows(real, synthetic)
    write_report(tmp_path, evaluation, STATEMENT, "Made")
    for name in ("report.html", "report.json"):
        text = (tmp_path / name).read_text()
        assert "secretcolor" not in text
        assert "7.654" not in text
    by_name = {column.name: column for column in evaluation.columns}
    color, number = by_name["color"], by_name["x"]
    assert isinstance(color, CategoryComparison)
    assert color.labels[-1] is None
    assert color.real_shares[-1] == pytest.approx(0.3)
    assert color.synthetic_shares[-1] == 0
    assert isinstance(number, NumberComparison)
    assert number.edges[0] >= synthetic.columns["x"].min()
    assert number.edges[-1] <= synthetic.columns["x"].max()
