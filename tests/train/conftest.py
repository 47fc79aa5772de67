"""A small prepared table for real ranks."""

import os
import subprocess
import sys
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
from synth.privacy.budget import DpSgdSteps
from synth.privacy.dpsgd import DpSgdPlan
from synth.privacy.entry import Receipt

pytest.importorskip("torch")
pytest.importorskip("horovod")

SIZES = {"a": 3, "b": 5, "c": 2}
STEPS = 40


@pytest.fixture(scope="session")
def on_two_ranks() -> Callable[[str, Path], None]:
    """Run a script of this folder under horovodrun, with a folder to leave its findings in."""

    def run(script: str, folder: Path) -> None:
        beside = Path(sys.executable).parent
        command = [str(beside / "horovodrun"), "--gloo", "-np", "2", "--network-interface", "lo"]
        done = subprocess.run(
            [*command, sys.executable, str(Path(__file__).with_name(script)), str(folder)],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            env={**os.environ, "PATH": f"{beside}{os.pathsep}{os.environ['PATH']}"},
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]

    return run


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """400 rows in two files, in the last column equal to the first one's parity."""
    folder = tmp_path_factory.mktemp("train") / "prepared"
    (folder / "codes").mkdir(parents=True)
    rng = np.random.default_rng(7)
    codes = {name: rng.integers(0, size, 400).astype(np.uint8) for name, size in SIZES.items()}
    codes["c"] = codes["a"] % 2
    for file in range(2):
        columns = {UNIT_COLUMN: np.arange(file, 400, 2), **{k: v[file::2] for k, v in codes.items()}}
        pq.write_table(pa.table(columns), folder / "codes" / f"part-{file:05d}.parquet")
    manifest = PreparedManifest(
        schema=TableSchema(
            name="little",
            columns=tuple(Column(name=name, spark_type="string", kind=Kind.CATEGORICAL) for name in SIZES),
            unit=PrivacyUnit(),
        ),
        codebooks=tuple(
            CategoricalCodebook(
                column=name,
                categories=tuple(str(k) for k in range(size - 1)),
                counts=tuple(float(n) for n in np.bincount(codes[name], minlength=size)),
                closed=True,
            )
            for name, size in SIZES.items()
        ),
        n_rows=400,
        n_units=400,
        entries=(1,),
        is_private=True,
    )
    write_json(folder / "prepared.json", manifest.to_dict())
    write_json(folder / "manifest.json", {"key": None, "files": {}})
    return folder


@pytest.fixture
def make_spec(prepared: Path, tmp_path: Path) -> Callable[..., object]:
    """A specification of a tiny private training by the launcher of that name."""
    from synth.train.spec import TrainSpec

    def make(launcher: str, steps: int = STEPS, **train: object) -> TrainSpec:
        event = DpSgdSteps(sample_rate=0.1, noise_multiplier=3.0, steps=steps)
        fields = {
            "sample_rate": 0.1,
            "steps": steps,
            "noise_multiplier": 3.0,
            "max_grad_norm": 1.0,
            "expected_batch_size": 40.0,
        }
        return TrainSpec(
            prepared=prepared,
            run_folder=tmp_path / "private",
            model_folder=tmp_path / "model",
            model_key="key",
            plan=DpSgdPlan.for_charged(fields, [event]),
            receipt=Receipt(entry=2, events=(event,)),
            delta=1e-5,
            model=Model(kind=ModelKind.VAE, vae=VaeSettings(latent=2, hidden=(8,))),
            train=Train.model_validate({"launcher": launcher, "ranks": 2, "steps": steps, **train}).of(
                ModelKind.VAE
            ),
        )

    return make
