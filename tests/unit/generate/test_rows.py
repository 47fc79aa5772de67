"""Generated rows depend on (seed, row id) alone, and come in the shape of the schema."""

import re
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from synth.core.codebook import BinnedCodebook, CategoricalCodebook
from synth.core.mixing import mix
from synth.core.prepared import PreparedManifest
from synth.core.schema import Column, Kind, PrivacyUnit, TableSchema
from synth.generate import draw
from synth.generate.rows import BLOCK, block_of_rows

IDS = np.arange(5_000, dtype=np.int64)


class Independent:
    """A sampler that draws every column evenly."""

    n_uniforms = 2

    def sample(self, uniforms: NDArray[np.float64]) -> NDArray[np.uint16]:
        return np.stack([uniforms[:, 0] * 4, uniforms[:, 1] * 3], axis=1).astype(np.uint16)


MANIFEST = PreparedManifest(
    schema=TableSchema(
        name="t",
        columns=(
            Column(name="id", spark_type="bigint", kind=Kind.ID, nullable=False),
            Column(name="colour", spark_type="string", kind=Kind.CATEGORICAL),
            Column(name="day", spark_type="string", kind=Kind.DATE, format="%-m/%-d/%Y"),
        ),
        unit=PrivacyUnit(),
    ),
    codebooks=(
        CategoricalCodebook(column="colour", categories=("red", "blue"), counts=(1.0, 2.0, 1.0, 1.0)),
        BinnedCodebook(column="day", kind=Kind.DATE, lowers=(0, 365), uppers=(365, 730), counts=(0, 1, 1)),
    ),
    n_rows=10,
    n_units=10,
    entries=(1,),
    is_private=True,
)
TYPES = {"id": pa.int64(), "colour": pa.string(), "day": pa.string()}


def test_any_cut_of_the_rows_draws_the_same_numbers() -> None:
    whole = draw.uniforms(IDS, 7, 5)
    pieces = [draw.uniforms(part, 7, 5) for part in np.array_split(IDS, 13)]
    assert np.array_equal(np.vstack(pieces), whole)
    assert np.array_equal(draw.uniforms(IDS, 7, 3), whole[:, :3])


def test_seeds_rows_draws_and_streams_are_unrelated() -> None:
    """5,000 pairs: a correlation beyond 0.08 has a chance below 1e-7."""
    base = draw.uniforms(IDS, 0, 4)
    others = [
        draw.uniforms(IDS, 1, 4),
        draw.uniforms(IDS, 0, 4, stream=1),
        draw.uniforms(IDS + 1, 0, 4),
        base[:, [1, 2, 3, 0]],
    ]
    for other in others:
        for k in range(4):
            assert abs(np.corrcoef(base[:, k], other[:, k])[0, 1]) < 0.08
    assert abs(base.mean() - 0.5) < 0.02
    assert base.min() >= 0
    assert base.max() < 1


def test_mixing_is_one_to_one() -> None:
    assert len(np.unique(mix(np.arange(100_000, dtype=np.uint64)))) == 100_000


def test_a_block_is_the_same_however_often_it_is_made_and_differs_from_the_next() -> None:
    first = block_of_rows(Independent(), MANIFEST, 3, 42, TYPES)
    assert first.equals(block_of_rows(Independent(), MANIFEST, 3, 42, TYPES))
    assert not first.equals(block_of_rows(Independent(), MANIFEST, 4, 42, TYPES))
    assert not first.equals(block_of_rows(Independent(), MANIFEST, 3, 43, TYPES))
    assert first.num_rows == BLOCK
    assert first.column("id")[0].as_py() == 3 * BLOCK + 1


def test_decoded_values_are_the_codebook_s_own() -> None:
    batch = block_of_rows(Independent(), MANIFEST, 0, 1, TYPES)
    assert set(batch.column("colour").to_pylist()) == {None, "red", "blue"}
    days = {day for day in batch.column("day").to_pylist() if day is not None}
    assert all(re.fullmatch(r"[1-9]\d?/[1-9]\d?/197[01]", day) for day in days)


def test_columns_come_in_the_order_of_the_schema_without_derived_ones() -> None:
    number, colour, day = MANIFEST.schema.columns
    derived = Column(name="sum", spark_type="bigint", kind=Kind.INTEGER, derived="1")
    manifest = replace(MANIFEST, schema=replace(MANIFEST.schema, columns=(colour, derived, number, day)))
    assert block_of_rows(Independent(), manifest, 0, 1, TYPES).schema.names == ["colour", "id", "day"]


class Lengths:
    """A sampler for one learned length."""

    n_uniforms = 1

    def sample(self, uniforms: NDArray[np.float64]) -> NDArray[np.uint16]:
        return (uniforms * 3).astype(np.uint16)


def test_text_that_is_made_up_has_its_learned_length() -> None:
    note = Column(name="note", spark_type="string", kind=Kind.TEXT, keep_length=True)
    book = BinnedCodebook(
        column="length of note", kind=Kind.INTEGER, lowers=(0, 1), uppers=(1, 3000), counts=(1, 1, 1)
    )
    manifest = replace(MANIFEST, schema=replace(MANIFEST.schema, columns=(note,)), codebooks=(book,))
    batch = block_of_rows(Lengths(), manifest, 0, 1, {"note": pa.string()})
    lengths = pc.utf8_length(batch.column("note"))
    shares = [
        lengths.null_count,
        *(pc.sum(check).as_py() for check in (pc.equal(lengths, 0), pc.greater(lengths, 0))),
    ]
    assert sum(shares) == BLOCK
    assert min(shares) > BLOCK / 4
    assert 2900 < pc.max(lengths).as_py() < 3000
    assert len(batch.column("note").unique()) > BLOCK / 4
