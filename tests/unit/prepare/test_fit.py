"""Codebooks from summaries: complete and exact without privacy, honest with it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from synth.config.sections import Prepare
from synth.core.codebook import BinnedCodebook, CategoricalCodebook, Codebook
from synth.core.finding import Findings
from synth.core.prepared import PreparedManifest
from synth.core.schema import Column, Kind, PrivacyUnit, Relations, TableSchema
from synth.prepare.declarations import unlikely_declarations
from synth.prepare.encode import encode
from synth.prepare.fit import fit
from synth.prepare.plan import PreparePlan
from synth.prepare.summary import Summary
from synth.privacy import noise
from synth.privacy.entry import Receipt
from synth.privacy.released import Released

Fit = Callable[..., PreparedManifest]
Summarize = Callable[..., Summary]
AGE = Column(name="age", spark_type="int", kind=Kind.INTEGER)
COLOUR = Column(name="colour", spark_type="string", kind=Kind.CATEGORICAL)
SEX = Column(name="sex", spark_type="string", kind=Kind.CATEGORICAL, categories=("F", "M", "X"))
TOKEN = Column(name="token", spark_type="string", kind=Kind.CATEGORICAL)
SSN = Column(name="ssn", spark_type="string", kind=Kind.ID, entity="ssn", null_share=0.1)
SCHEMA = TableSchema(name="t", columns=(SSN, AGE, COLOUR, SEX, TOKEN), unit=PrivacyUnit())


def table(n: int) -> dict[str, pa.Array]:
    generator = np.random.default_rng(3)
    return {
        "age": pa.array(generator.integers(0, 100, n), mask=generator.random(n) < 0.05),
        "colour": pa.array(generator.choice(["red", "blue", "green"], n, p=[0.6, 0.3, 0.1])),
        "sex": pa.array(generator.choice(["F", "M"], n)),
        "token": pa.array([f"t{i}" for i in range(n)]),
    }


def one(column: Column) -> TableSchema:
    return TableSchema(name="t", columns=(column,), unit=PrivacyUnit())


def book(manifest: PreparedManifest, name: str) -> Any:
    (codebook,) = [codebook for codebook in manifest.codebooks if codebook.column == name]
    return codebook


def codes(arrays: dict[str, pa.Array], manifest: PreparedManifest, codebook: Codebook) -> NDArray[np.uint16]:
    (feature,) = [feature for feature in manifest.features if feature.name == codebook.column]
    return encode(pa.RecordBatch.from_pydict(arrays), feature, codebook, manifest.schema)


def test_without_privacy_everything_is_exact(fit_table: Fit) -> None:
    manifest = fit_table(table(2_000), SCHEMA, Prepare(bins=10))
    assert manifest.n_rows == 2_000
    assert not manifest.is_private
    colour = book(manifest, "colour")
    assert isinstance(colour, CategoricalCodebook)
    assert colour.categories == ("red", "blue", "green")
    assert sum(colour.counts) == 2_000
    age = book(manifest, "age")
    assert isinstance(age, BinnedCodebook)
    found = codes(table(2_000), manifest, age)
    assert np.allclose(np.bincount(found, minlength=age.n_codes), age.counts)


def test_with_privacy_counts_are_close_and_no_unique_value_is_named(fit_table: Fit) -> None:
    manifest = fit_table(table(20_000), SCHEMA, Prepare(bins=10), mu=0.3)
    assert manifest.is_private
    assert manifest.entries == (3, 7)
    assert "token" not in manifest.domain.names, "a column of unique values must be made up"
    assert manifest.schema.column("token").kind is Kind.TEXT
    assert manifest.schema.column("ssn").kind is Kind.ID
    assert abs(manifest.n_rows - 20_000) < 300
    for codebook in manifest.codebooks:
        exact = np.bincount(codes(table(20_000), manifest, codebook), minlength=codebook.n_codes)
        assert np.abs(exact - np.array(codebook.counts)).sum() / 2 / 20_000 < 0.02, codebook.column


def test_exact_findings_make_no_private_manifest(summarize: Summarize) -> None:
    exact = Findings(table="t", n_rows=1.0, columns=(), entries=(3,), is_private=False)
    plan = PreparePlan.of(SCHEMA, Prepare(), 0.3, 1e-6, 2_000)
    receipt = Receipt(entry=7, events=plan.events())
    summary = summarize([pa.RecordBatch.from_pydict(table(2_000))], SCHEMA)
    assert not fit(summary, SCHEMA, plan, receipt, Prepare(), exact).is_private
    assert fit(summary, SCHEMA, plan, receipt, Prepare(), replace(exact, is_private=True)).is_private


def test_declared_categories_are_complete_even_when_absent(fit_table: Fit) -> None:
    sex = book(fit_table(table(20_000), SCHEMA, mu=0.3), "sex")
    assert isinstance(sex, CategoricalCodebook)
    assert sex.categories == ("F", "M", "X")
    assert sex.closed


@pytest.mark.parametrize(("deviations", "has_nulls"), [(2.9, False), (3.1, True)])
def test_nulls_that_noise_explains_are_none(
    fit_table: Fit, monkeypatch: pytest.MonkeyPatch, deviations: float, has_nulls: bool
) -> None:
    def drawn(scale: float, n: int) -> NDArray[np.int64]:
        return np.full(n, round(deviations * scale), dtype=np.int64)

    monkeypatch.setattr(noise, "discrete_gaussian", drawn)
    sex = book(fit_table(table(2_000), one(SEX), mu=0.01), "sex")
    assert (sex.counts[0] > 0) == has_nulls


def test_nothing_is_learned_from_a_table_smaller_than_the_noise(fit_table: Fit) -> None:
    manifest = fit_table(table(20), SCHEMA, mu=0.05)
    for codebook in manifest.codebooks:
        assert codebook.n_codes <= 5


@pytest.mark.parametrize("mu", [None, 0.3])
def test_the_manifest_survives_its_file(fit_table: Fit, mu: float | None) -> None:
    manifest = fit_table(table(2_000), SCHEMA, mu=mu)
    assert PreparedManifest.from_dict(manifest.to_dict()) == manifest


def test_units_are_counted_within_what_the_rows_allow(fit_table: Fit) -> None:
    by_entity = replace(SCHEMA, unit=PrivacyUnit(entity="ssn", max_rows=5))
    assert fit_table(table(2_000), by_entity, n_units=700).n_units == 700
    manifest = fit_table(table(2_000), by_entity, n_units=1, mu=1.0)
    assert -(-manifest.n_rows // 5) <= manifest.n_units <= manifest.n_rows


def test_a_public_column_is_exact_beside_private_ones(fit_table: Fit) -> None:
    schema = replace(
        SCHEMA,
        columns=(
            replace(AGE, public=True),
            replace(COLOUR, public=True),
            replace(SEX, public=True),
            Column(name="other", spark_type="int", kind=Kind.INTEGER),
        ),
    )
    arrays = table(5_000) | {"other": pa.array(np.arange(5_000) % 50)}
    manifest = fit_table(arrays, schema, mu=0.05)
    assert manifest.is_private
    for name in ("age", "colour", "sex"):
        public = book(manifest, name)
        exact = np.bincount(codes(arrays, manifest, public), minlength=public.n_codes)
        # The rest of found categories is what the released row count leaves.
        n_codes = 1 + len(public.categories) if isinstance(public, CategoricalCodebook) else public.n_codes
        assert np.allclose(exact[:n_codes], public.counts[:n_codes])
    private = book(manifest, "other")
    exact = np.bincount(codes(arrays, manifest, private), minlength=private.n_codes)
    assert not np.allclose(exact, private.counts)


@pytest.mark.parametrize("mu", [None, 0.5])
def test_declared_edges_are_the_bins(fit_table: Fit, mu: float | None) -> None:
    column = Column(name="v", spark_type="double", kind=Kind.REAL, edges=(0.0, 1.0, 10.0, 100.0))
    values = np.concatenate([np.full(3_000, 0.5), np.full(2_000, 5.0), [-7.0] * 400, [1e6] * 600])
    manifest = fit_table({"v": pa.array(values)}, one(column), mu=mu)
    (codebook,) = manifest.codebooks
    assert isinstance(codebook, BinnedCodebook)
    assert codebook.lowers == (0.0, 1.0, 10.0)
    assert codebook.uppers == (1.0, 10.0, 100.0)
    assert np.allclose(codebook.counts[1:], [3_400, 2_000, 600], atol=1e-6 if mu is None else 60)


def test_ordered_categories_come_in_natural_or_declared_order(fit_table: Fit) -> None:
    grades = pa.array(["10"] * 50 + ["9"] * 100 + ["-1"] * 20 + ["high"] * 70 + ["2.5"] * 60)
    ordered = Column(name="v", spark_type="string", kind=Kind.ORDERED)
    found = fit_table({"v": grades}, one(ordered)).codebooks[0]
    assert found.categories == ("-1", "2.5", "9", "10", "high")
    assert found.counts == (0, 20, 60, 100, 50, 70, 0)
    declared = replace(ordered, categories=("high", "9", "10", "2.5", "-1"))
    assert fit_table({"v": grades}, one(declared)).codebooks[0].categories == declared.categories
    frequent_first = replace(ordered, kind=Kind.CATEGORICAL)
    assert fit_table({"v": grades}, one(frequent_first)).codebooks[0].categories[0] == "9"


PAIR = TableSchema(
    name="t",
    columns=(COLOUR, TOKEN, SEX),
    unit=PrivacyUnit(),
    relations=Relations(together=(("colour", "token"),)),
)


def test_a_combination_that_cannot_be_named_makes_its_columns_text(fit_table: Fit) -> None:
    manifest = fit_table(table(5_000), PAIR, mu=0.3)
    assert manifest.domain.names == ("sex",)
    assert {c.name: c.kind for c in manifest.schema.columns if c.kind is Kind.TEXT} == {
        "colour": Kind.TEXT,
        "token": Kind.TEXT,
    }
    assert manifest.schema.relations.together == ()
    assert PreparedManifest.from_dict(manifest.to_dict()).features == manifest.features


def test_a_combination_that_can_be_named_stays_together(fit_table: Fit) -> None:
    arrays = table(5_000)
    arrays["token"] = pa.array(["s" if c == "red" else "t" for c in arrays["colour"].to_pylist()])
    manifest = fit_table(arrays, PAIR, mu=0.5)
    assert manifest.domain.names == ("colour + token", "sex")
    assert len(book(manifest, "colour + token").categories) == 3


def test_the_fit_sees_the_summary_only_through_the_noise(
    fit_table: Fit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With every noisy count replaced by one number, tables of equal categories give equal manifests."""
    schema = replace(SCHEMA, columns=(AGE, COLOUR, SEX))
    other = table(5_000) | {"age": pa.array(np.random.default_rng(0).poisson(9, 5_000))}
    other["colour"] = pa.array(["green", "blue", "red", "red", "red"] * 1_000)

    def constant(counts: NDArray[np.int64], receipt: Receipt) -> Released[NDArray[np.int64]]:
        return Released(np.full(len(counts), 2_000, dtype=np.int64), receipt.entry)

    assert fit_table(table(5_000), schema, mu=1.0) != fit_table(other, schema, mu=1.0)
    monkeypatch.setattr(noise, "noisy_counts", constant)
    assert fit_table(table(5_000), schema, mu=1.0) == fit_table(other, schema, mu=1.0)


@pytest.mark.parametrize("mu", [None, 0.5])
def test_values_outside_the_declared_categories_are_a_cell_of_their_own_and_told(
    fit_table: Fit, mu: float | None
) -> None:
    state = Column(name="s", spark_type="string", kind=Kind.CATEGORICAL, categories=("NO", "SE"))
    arrays = {"s": pa.array(["no"] * 800 + ["NO"] * 150 + ["SE"] * 50 + [None] * 100)}
    manifest = fit_table(arrays, one(state), mu=mu)
    found = book(manifest, "s")
    assert found.outside == pytest.approx(0.8, abs=0.05)
    assert found.counts[0] == pytest.approx(900, abs=40), "they are coded as null, and counted so"
    assert found == book(PreparedManifest.from_dict(manifest.to_dict()), "s")
    (line,) = unlikely_declarations(manifest)
    assert line.startswith(("columns.s.categories: about 8", "columns.s.categories: about 7"))
    assert "check their spelling" in line
    assert "no" not in line.replace("none", ""), "a value that nobody declared"
    assert len(found.counts) == found.n_codes == 3


def test_few_values_outside_are_not_told_from_none(fit_table: Fit) -> None:
    state = Column(name="s", spark_type="string", kind=Kind.CATEGORICAL, categories=("NO", "SE"))
    manifest = fit_table({"s": pa.array(["NO"] * 900 + ["no"])}, one(state), mu=0.5)
    assert book(manifest, "s").outside == 0
    assert unlikely_declarations(manifest) == []


def test_the_one_partition_of_a_run_is_exact_and_free(fit_table: Fit) -> None:
    day = Column(name="day", spark_type="date", kind=Kind.CATEGORICAL, categories=("2026-11-25",),
                 nullable=False, constant=True)  # fmt: skip
    arrays = {"day": pa.array(["2026-11-25"] * 500), "age": pa.array(range(500))}
    schema = TableSchema(name="t", columns=(day, AGE), unit=PrivacyUnit())
    manifest = fit_table(arrays, schema, mu=0.5)
    found = book(manifest, "day")
    assert found.categories == ("2026-11-25",)
    assert found.counts == (0.0, float(manifest.n_rows)), "the row count is paid for already"
    plan = PreparePlan.of(schema, Prepare(), 0.5, 1e-6, 500)
    assert {query.feature for query in plan.queries} == {None, "age"}


def test_a_heavy_first_of_the_year_makes_no_other_day_one(fit_table: Fit) -> None:
    rng = np.random.default_rng(5)
    days = np.where(rng.random(4_000) < 0.3, -25_567, rng.integers(18_000, 19_000, 4_000)).astype(np.int32)
    schema = one(Column(name="d", spark_type="date", kind=Kind.DATE))
    manifest = fit_table({"d": pa.array(days).cast(pa.date32())}, schema)
    assert book(manifest, "d").roundings == ()


def test_a_named_value_stays_beside_a_rest_that_is_most_of_its_column(fit_table: Fit) -> None:
    words = ["often seen"] * 6_000 + [f"seen once {i}" for i in range(14_000)]
    codebook = book(fit_table({"colour": pa.array(words)}, one(COLOUR), mu=0.3), "colour")
    assert codebook.categories == ("often seen",)
    assert codebook.rest_is_large
    assert codebook.counts[-1] == pytest.approx(14_000, abs=300)


def test_public_words_are_named_where_the_threshold_hides_other_words(
    fit_table: Fit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At scale 20 a name takes more than 95 rows; five of seven words have 75."""
    monkeypatch.setattr(noise, "discrete_gaussian", lambda scale, n: np.zeros(n, dtype=np.int64))
    days = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
    public = pa.array([day for k, day in enumerate(days) for _ in range(600 if k < 2 else 75)])
    private = pa.array([f"x{word}" for word in public.to_pylist()])
    mu = 0.05
    named = {
        name: set(book(fit_table({"colour": values}, one(COLOUR), mu=mu), "colour").categories)
        for name, values in (("public", public), ("private", private))
    }
    assert named["private"] == {"xMonday", "xTuesday"}
    assert named["public"] == set(days)


def test_a_public_word_of_few_rows_counts_as_one_that_was_dropped_unread(
    fit_table: Fit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cluster may drop values of at most `pruned` rows: what is counted must not depend on it."""
    seen: list[list[int]] = []

    def kept(counts: NDArray[np.int64], receipt: Receipt) -> Released[NDArray[np.int64]]:
        seen.append(counts.tolist())
        return Released(counts, receipt.entry)

    monkeypatch.setattr(noise, "noisy_counts", kept)
    for rare in (["Friday"], []):
        words = pa.array(["Monday"] * 3_000 + ["Tuesday"] * 3_000 + rare)
        fit_table({"colour": words}, one(COLOUR), mu=0.02)
    n_counts = [max(len(counts) for counts in seen[: len(seen) // 2]), max(map(len, seen))]
    vectors = [counts for counts in seen if len(counts) == n_counts[0]]
    assert len(vectors) == 2
    assert vectors[0] == vectors[1]
