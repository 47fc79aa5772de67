"""Codebooks from summaries: complete and exact without privacy, honest with it."""

import numpy as np
import pyarrow as pa
import pytest

from synth.config.sections import Prepare
from synth.core.codebook import BinnedCodebook, CategoricalCodebook
from synth.core.finding import Findings
from synth.core.prepared import PreparedManifest
from synth.core.schema import Column, Kind, PrivacyUnit, TableSchema
from synth.prepare.encode import encode
from synth.prepare.fit import PreparePlan, fit
from synth.prepare.summary import ColumnSummary, Summary
from synth.privacy import accountant
from synth.privacy.budget import Budget, DiscreteGaussian, NoPrivacy, Selection
from synth.privacy.ledger import Receipt

BARE = Receipt(entry=7, events=(NoPrivacy(),))
AGE = Column(name="age", spark_type="int", kind=Kind.INTEGER)
COLOUR = Column(name="colour", spark_type="string", kind=Kind.CATEGORICAL)
SEX = Column(name="sex", spark_type="string", kind=Kind.CATEGORICAL, categories=("F", "M", "X"))
TOKEN = Column(name="token", spark_type="string", kind=Kind.CATEGORICAL)
SSN = Column(name="ssn", spark_type="string", kind=Kind.ID, entity="ssn", null_share=0.1)


def table(n: int) -> dict[str, pa.Array]:
    generator = np.random.default_rng(3)
    return {
        "age": pa.array(generator.integers(0, 100, n), mask=generator.random(n) < 0.05),
        "colour": pa.array(generator.choice(["red", "blue", "green"], n, p=[0.6, 0.3, 0.1])),
        "sex": pa.array(generator.choice(["F", "M"], n)),
        "token": pa.array([f"t{i}" for i in range(n)]),
    }


def summarized(arrays: dict[str, pa.Array], schema: TableSchema) -> Summary:
    columns = {}
    for column in schema.modelled:
        columns[column.name] = ColumnSummary()
        columns[column.name].add(arrays[column.name], column)
    n = len(next(iter(arrays.values())))
    return Summary(n_rows=n, n_units=n, columns=columns)


SCHEMA = TableSchema(name="t", columns=(SSN, AGE, COLOUR, SEX, TOKEN), unit=PrivacyUnit())


def found(receipt: Receipt) -> Findings:
    return Findings(table="t", n_rows=1.0, columns=(), entries=(3,), is_private=receipt is not BARE)


def fitted(n: int, receipt: Receipt) -> PreparedManifest:
    return fit(summarized(table(n), SCHEMA), SCHEMA, receipt, Prepare(bins=10), found(receipt))


def paid(n_columns_mu: float = 0.3) -> Receipt:
    return Receipt(entry=7, events=PreparePlan.of(SCHEMA).events(n_columns_mu, 1e-6))


def test_the_plan_counts_every_query_and_fits_its_mu() -> None:
    plan = PreparePlan.of(SCHEMA)
    assert plan.queries == 3 + 4 + 1  # colour, sex, token; four levels of age; the row count
    assert plan.selections == 2
    events = plan.events(0.3, 1e-6)
    noise = next(event for event in events if isinstance(event, DiscreteGaussian))
    assert np.sqrt(noise.count) * noise.sensitivity / noise.scale == pytest.approx(0.3)
    assert sum(e.delta * e.count for e in events if isinstance(e, Selection)) == pytest.approx(1e-6)
    budget = Budget(epsilon=1.0, delta=1e-5)
    whole = plan.events(accountant.gaussian_mu(budget), 1e-7)
    assert accountant.epsilon(whole, 1.01e-5) == pytest.approx(1.0, rel=0.02)


def test_entity_units_scale_the_noise_by_their_rows() -> None:
    by_entity = TableSchema(name="t", columns=SCHEMA.columns, unit=PrivacyUnit(entity="ssn", max_rows=5))
    plan = PreparePlan.of(by_entity)
    noise = plan.events(0.3, 1e-6)[0]
    assert isinstance(noise, DiscreteGaussian)
    assert noise.sensitivity == 5
    assert np.sqrt(noise.count) * 5 / noise.scale == pytest.approx(0.3)


def test_without_privacy_everything_is_exact() -> None:
    manifest = fitted(2_000, BARE)
    assert manifest.n_rows == 2_000
    assert not manifest.is_private
    colour = next(c for c in manifest.codebooks if c.column == "colour")
    assert isinstance(colour, CategoricalCodebook)
    assert colour.categories == ("red", "blue", "green")
    assert sum(colour.counts) == 2_000
    age = next(c for c in manifest.codebooks if c.column == "age")
    assert isinstance(age, BinnedCodebook)
    codes = encode(table(2_000)["age"], age, AGE)
    assert np.allclose(np.bincount(codes, minlength=age.n_codes), age.counts)


def test_with_privacy_counts_are_close_and_no_unique_value_is_named() -> None:
    manifest = fitted(20_000, paid())
    assert manifest.is_private
    assert manifest.entries == (3, 7)
    assert "token" not in manifest.domain.names, "a column of unique values must be made up"
    assert manifest.schema.column("token").kind is Kind.TEXT
    assert manifest.schema.column("ssn").kind is Kind.ID
    assert abs(manifest.n_rows - 20_000) < 60
    for codebook in manifest.codebooks:
        column = manifest.schema.column(codebook.column)
        exact = np.bincount(
            encode(table(20_000)[codebook.column], codebook, column), minlength=codebook.n_codes
        )
        assert np.abs(exact - np.array(codebook.counts)).sum() / 2 / 20_000 < 0.02, codebook.column


def test_exact_findings_make_no_private_manifest() -> None:
    exact = Findings(table="t", n_rows=1.0, columns=(), entries=(3,), is_private=False)
    manifest = fit(summarized(table(2_000), SCHEMA), SCHEMA, paid(), Prepare(), exact)
    assert not manifest.is_private


def test_declared_categories_are_complete_even_when_absent() -> None:
    manifest = fitted(20_000, paid())
    sex = next(c for c in manifest.codebooks if c.column == "sex")
    assert isinstance(sex, CategoricalCodebook)
    assert sex.categories == ("F", "M", "X")
    assert sex.closed


def test_nothing_is_learned_from_a_table_smaller_than_the_noise() -> None:
    manifest = fitted(20, paid(0.05))
    for codebook in manifest.codebooks:
        assert codebook.n_codes <= 5


def test_the_manifest_survives_its_file() -> None:
    manifest = fitted(2_000, paid())
    assert PreparedManifest.from_dict(manifest.to_dict()) == manifest


def test_integer_bins_have_whole_edges_and_hold_their_numbers() -> None:
    column = Column(name="v", spark_type="int", kind=Kind.INTEGER)
    values = pa.array(np.random.default_rng(0).integers(-500, 500, 5_000))
    schema = TableSchema(name="t", columns=(column,), unit=PrivacyUnit())
    manifest = fit(summarized({"v": values}, schema), schema, BARE, Prepare(bins=20), found(BARE))
    (codebook,) = manifest.codebooks
    assert isinstance(codebook, BinnedCodebook)
    assert all(edge == int(edge) for edge in (*codebook.lowers, *codebook.uppers))
    codes = encode(values, codebook, column)
    numbers = values.to_numpy()
    lowers, uppers = np.array(codebook.lowers)[codes - 1], np.array(codebook.uppers)[codes - 1]
    assert np.all(lowers <= numbers)
    assert np.all(numbers < uppers)


def test_declared_bounds_are_kept_by_the_bins() -> None:
    column = Column(name="v", spark_type="double", kind=Kind.REAL, lower=0.0, upper=1.0)
    values = pa.array(np.random.default_rng(0).normal(0.5, 1.0, 5_000))
    schema = TableSchema(name="t", columns=(column,), unit=PrivacyUnit())
    (codebook,) = fit(summarized({"v": values}, schema), schema, BARE, Prepare(), found(BARE)).codebooks
    assert isinstance(codebook, BinnedCodebook)
    assert min(codebook.lowers) >= 0.0
    assert max(codebook.uppers) <= 1.0
