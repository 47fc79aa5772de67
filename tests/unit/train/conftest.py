"""A small prepared table, and trainings of it that take a moment."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from synth.config.model import Model, ModelKind, VaeSettings
from synth.config.train import Train
from synth.core.codebook import CategoricalCodebook
from synth.core.prepared import UNIT_COLUMN, PreparedManifest
from synth.core.schema import Column, Kind, PrivacyUnit, TableSchema
from synth.lake.artifacts import write_json
from synth.privacy.budget import DpSgdSteps, NoPrivacy
from synth.privacy.dpsgd import DpSgdPlan
from synth.privacy.entry import Receipt

pytest.importorskip("torch")

SIZES = {"a": 3, "b": 5, "c": 2}


@pytest.fixture
def make_prepared(tmp_path: Path) -> Callable[..., Path]:
    """(units, files, rows per unit at most, is an entity unit) -> folder."""

    def make(n_units: int = 60, files: int = 3, max_rows: int = 1, entity: str | None = None) -> Path:
        rng = np.random.default_rng(7)
        units = np.repeat(np.arange(n_units) * 17 - 300, rng.integers(1, max_rows + 1, n_units))
        rng.shuffle(units)
        codes = {name: rng.integers(0, size, len(units)).astype(np.uint8) for name, size in SIZES.items()}
        folder = tmp_path / "prepared"
        (folder / "codes").mkdir(parents=True)
        for file in range(files):
            mine = units % files == file
            columns = {UNIT_COLUMN: units[mine], **{name: column[mine] for name, column in codes.items()}}
            pq.write_table(pa.table(columns), folder / "codes" / f"part-{file:05d}.parquet")
        counts = {name: np.bincount(column, minlength=SIZES[name]) for name, column in codes.items()}
        manifest = PreparedManifest(
            schema=TableSchema(
                name="little",
                columns=tuple(
                    Column(name=name, spark_type="string", kind=Kind.CATEGORICAL) for name in SIZES
                ),
                unit=PrivacyUnit(entity=entity, max_rows=max_rows) if entity else PrivacyUnit(),
            ),
            codebooks=tuple(
                CategoricalCodebook(
                    column=name,
                    categories=tuple(str(k) for k in range(size - 1)),
                    counts=tuple(float(count) for count in counts[name]),
                    closed=True,
                )
                for name, size in SIZES.items()
            ),
            n_rows=len(units),
            n_units=n_units,
            entries=(1,),
            is_private=True,
        )
        write_json(folder / "prepared.json", manifest.to_dict())
        write_json(folder / "manifest.json", {"key": None, "files": {}})
        return folder

    return make


@pytest.fixture
def make_spec(tmp_path: Path, make_prepared: Callable[..., Path]) -> Callable[..., object]:
    """A specification of a tiny private training; keyword arguments change its training section."""
    from synth.train.spec import TrainSpec

    def make(
        *, steps: int = 120, entry: int = 5, noise_multiplier: float = 4.0, **train: object
    ) -> TrainSpec:
        fields = {
            "sample_rate": 0.2,
            "steps": steps,
            "noise_multiplier": noise_multiplier,
            "max_grad_norm": 1.0,
            "expected_batch_size": 12.0,
        }
        event = (
            DpSgdSteps(sample_rate=0.2, noise_multiplier=noise_multiplier, steps=steps)
            if noise_multiplier
            else NoPrivacy()
        )
        prepared = tmp_path / "prepared"
        return TrainSpec(
            prepared=prepared if prepared.exists() else make_prepared(),
            run_folder=tmp_path / "private",
            model_folder=tmp_path / "model",
            model_key="key",
            plan=DpSgdPlan.for_charged(fields, [event]),
            receipt=Receipt(entry=entry, events=(event,)),
            delta=1e-5,
            model=Model(kind=ModelKind.VAE, vae=VaeSettings(latent=2, hidden=(8,))),
            train=Train.model_validate({"launcher": "single", "steps": steps, **train}).of(ModelKind.VAE),
        )

    return make
