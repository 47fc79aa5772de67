"""Generated rows depend on (seed, row id) alone, and made-up values look like their kind."""

import re

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from stdnum import luhn
from stdnum.iso7064 import mod_97_10

from synth.core.codebook import BinnedCodebook, CategoricalCodebook
from synth.core.prepared import PreparedManifest
from synth.core.schema import Column, Kind, PrivacyUnit, TableSchema
from synth.generate import draw
from synth.generate.made_up import made_up
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
    assert len(np.unique(draw.mix(np.arange(100_000, dtype=np.uint64)))) == 100_000


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


@pytest.mark.parametrize(
    ("entity", "pattern"),
    [
        ("ssn", r"666-\d\d-\d{4}"),
        ("email", r"[a-z']+\.[a-z']+\d{4}@example\.com"),
        ("phone", r"\d{3}-555-01\d\d"),
        ("ip_address", r"10(\.\d{1,3}){3}"),
        ("uuid", r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"),
        ("passport", r"X\d{8}X"),
        ("driver_licence", r"S\d{8}"),
        ("street_address", r"\d+ \S+ \S+"),
        (None, r"[0-9a-f]{16}"),
    ],
)
def test_made_up_values_look_like_their_kind(entity: str | None, pattern: str) -> None:
    column = Column(name="c", spark_type="string", kind=Kind.ID, entity=entity)
    values = made_up(column, IDS, 0, pa.string()).to_pylist()
    assert all(re.fullmatch(pattern, value) for value in values)
    assert values == made_up(column, IDS, 0, pa.string()).to_pylist()


def test_made_up_numbers_carry_their_check_digits() -> None:
    cards = made_up(
        Column(name="c", spark_type="string", kind=Kind.ID, entity="credit_card"), IDS, 0, pa.string()
    )
    assert all(luhn.is_valid(card) and len(card) == 16 for card in cards.to_pylist())
    ibans = made_up(Column(name="c", spark_type="string", kind=Kind.ID, entity="iban"), IDS, 0, pa.string())
    assert all(mod_97_10.is_valid(iban[4:] + iban[:4]) for iban in ibans.to_pylist())


def test_made_up_values_are_null_as_often_as_was_released() -> None:
    column = Column(name="c", spark_type="string", kind=Kind.ID, entity="ssn", null_share=0.3)
    share = made_up(column, IDS, 0, pa.string()).null_count / len(IDS)
    assert abs(share - 0.3) < 0.04  # 6 standard deviations
