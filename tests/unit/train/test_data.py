from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from synth.core.prepared import UNIT_COLUMN, PreparedManifest
from synth.errors import ArtifactError
from synth.lake.artifacts import read_json
from synth.train.sampler import os_entropy_generator, poisson_steps, secret_uniforms
from synth.train.shard import Shard, read_shard


def manifest_of(folder: Path) -> PreparedManifest:
    return PreparedManifest.from_dict(read_json(folder / "prepared.json"))


def test_ranks_together_own_every_row_once(make_prepared: Callable[..., Path]) -> None:
    folder = make_prepared(n_units=50, files=3)
    manifest = manifest_of(folder)
    shards = [read_shard(folder, manifest, rank=rank, size=2) for rank in range(2)]
    assert sum(shard.n_units for shard in shards) == 50
    counts = np.bincount(np.concatenate([shard.codes[:, 1] for shard in shards]), minlength=5)
    assert counts.tolist() == list(manifest.codebooks[1].counts)


def test_a_rank_without_files_has_an_empty_shard(make_prepared: Callable[..., Path]) -> None:
    folder = make_prepared(files=1)
    shard = read_shard(folder, manifest_of(folder), rank=1, size=2)
    assert shard.n_units == 0
    codes, present = shard.gather(np.empty(0, dtype=np.int64))
    assert codes.shape == (0, 1, 3)
    assert present.shape == (0, 1)


def test_an_empty_file_for_an_entity_unit_is_an_empty_shard(make_prepared: Callable[..., Path]) -> None:
    folder = make_prepared(files=1, max_rows=3, entity="who")
    assert read_shard(folder, manifest_of(folder), rank=1, size=2).n_units == 0


def test_rows_with_equal_hashes_are_one_unit_only_for_an_entity(make_prepared: Callable[..., Path]) -> None:
    folder = make_prepared(n_units=40, files=1, max_rows=4, entity="who")
    manifest = manifest_of(folder)
    shard = read_shard(folder, manifest, rank=0, size=1)
    assert shard.n_units == 40
    assert len(shard.codes) == manifest.n_rows > 40


def test_gathered_units_hold_all_their_rows_and_padding(make_prepared: Callable[..., Path]) -> None:
    folder = make_prepared(n_units=40, files=1, max_rows=4, entity="who")
    shard = read_shard(folder, manifest_of(folder), rank=0, size=1)
    units = np.array([3, 0, 39])
    codes, present = shard.gather(units)
    for position, unit in enumerate(units):
        own = shard.codes[shard.starts[unit] : shard.starts[unit + 1]]
        assert np.array_equal(codes[position][present[position]], own)


def test_padding_is_no_row_of_another_unit() -> None:
    """A row whose loss is not finite would else make every padded unit's gradient no number."""
    shard = Shard(codes=np.full((4, 2), 7, dtype=np.uint16), starts=np.array([0, 3, 4]))
    codes, present = shard.gather(np.array([0, 1]))
    assert present.tolist() == [[True, True, True], [True, False, False]]
    assert (codes[present] == 7).all()
    assert not codes[~present].any()


def test_equal_hashes_of_a_row_unit_are_different_units(make_prepared: Callable[..., Path]) -> None:
    folder = make_prepared(n_units=40, files=1, max_rows=4)
    manifest = manifest_of(folder)
    assert read_shard(folder, manifest, rank=0, size=1).n_units == manifest.n_rows


@pytest.mark.parametrize(
    "fault", ["code outside", "no column", "no files", "not parquet", "negative", "not whole"]
)
def test_a_damaged_prepared_table_is_refused(make_prepared: Callable[..., Path], fault: str) -> None:
    folder = make_prepared(files=1)
    path = folder / "codes" / "part-00000.parquet"
    table = pq.read_table(path)
    n = len(table)
    match fault:
        case "code outside":
            column = pa.array(np.full(n, 9, dtype=np.uint8))
            pq.write_table(table.set_column(table.schema.get_field_index("a"), "a", column), path)
        case "no column":
            pq.write_table(table.drop_columns([UNIT_COLUMN]), path)
        case "no files":
            path.unlink()
        case "not parquet":
            path.write_bytes(b"nothing")
        case "negative" | "not whole":
            column = pa.array(np.full(n, -1, dtype=np.int16) if fault == "negative" else np.zeros(n))
            pq.write_table(table.set_column(table.schema.get_field_index("a"), "a", column), path)
    with pytest.raises(ArtifactError):
        read_shard(folder, manifest_of(folder), rank=0, size=1)


@pytest.mark.parametrize("n_units", [0, 1, 1000])
def test_there_are_exactly_as_many_steps_as_planned(n_units: int) -> None:
    steps = list(
        poisson_steps(n_units, sample_rate=1e-3, steps=93, draw_uniforms=np.random.default_rng(0).random)
    )
    assert len(steps) == 93
    assert any(len(units) == 0 for units in steps)


def test_each_unit_joins_with_the_sample_rate_and_independently() -> None:
    # Bounds of 5 standard deviations: false alarms about 1 in 10^6 on this fixed seed's stream.
    n_units, rate, steps = 500, 0.1, 2000
    joined = np.zeros((steps, n_units), dtype=bool)
    rng = np.random.default_rng(11)
    for step, units in enumerate(
        poisson_steps(n_units, sample_rate=rate, steps=steps, draw_uniforms=rng.random)
    ):
        joined[step, units] = True
    per_unit = joined.sum(axis=0)
    assert np.abs(per_unit - steps * rate).max() < 5 * np.sqrt(steps * rate * (1 - rate))
    # Sizes of batches vary as a binomial's: batches of a fixed size, or shuffled ones, would not.
    sizes = joined.sum(axis=1)
    assert 0.8 < sizes.var() / (n_units * rate * (1 - rate)) < 1.2


def test_ranks_do_not_share_their_randomness() -> None:
    first, second = os_entropy_generator(), os_entropy_generator()
    assert not np.array_equal(first.random(100), second.random(100))


def test_the_secret_uniforms_are_uniform_and_drawn_anew() -> None:
    """False alarms: under two in a million, by chi-square over 1,000 cells, mean and correlation."""
    draws = np.concatenate([secret_uniforms(1_000_000), secret_uniforms(1_000_000)])
    assert draws.min() >= 0
    counts = np.bincount((draws * 1000).astype(np.int64), minlength=1000)
    chi_square = float(((counts - 2000) ** 2 / 2000).sum())
    assert abs(chi_square - 999) < 5.2 * np.sqrt(2 * 999)
    assert abs(draws.mean() - 0.5) < 5 * np.sqrt(1 / 12 / len(draws))
    assert abs(np.corrcoef(draws[:-1], draws[1:])[0, 1]) < 5 / np.sqrt(len(draws))
    assert not np.array_equal(secret_uniforms(100), secret_uniforms(100))


def test_sampling_never_asks_a_seeded_generator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(np.random, "default_rng", None)
    joined = [len(units) for units in poisson_steps(10_000, sample_rate=0.1, steps=100)]
    # The sum is binomial of a million trials: six standard deviations are 1,800.
    assert abs(sum(joined) - 100_000) < 1_800
