"""How good is the synthetic table? The product end to end, from the command line, scored by outsiders.

    LAKESYNTH_QA_PYTHON=/path/to/python python bench/quality.py --data FOLDER --out bench/results/quality.md
    python bench/quality.py --data FOLDER --tables adult --epsilons 1 --models marginal.rounds,vae

Each run is scan, prepare, train and generate with a fresh ledger; epsilon covers all of them, at delta 1e-5.
A model is a kind, or marginal.METHOD; MODEL:key=value adds a setting (marginal.aim:model.max_minutes=5).
Accuracies: mostlyai-qa (see qa.py) on the training table, with as many synthetic rows. Discriminator: AUC of
gradient-boosted trees that tell training from synthetic rows. Utility: AUC (or R2 for a number) on the
holdout of such trees trained on synthetic rows, beside those trained on real ones.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import yaml
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OrdinalEncoder

REPOSITORY = Path(__file__).parents[1]
TARGETS = {"adult": "income", "diamonds": "price"}
DELTA = 1e-5


@dataclass(frozen=True, kw_only=True)
class Score:
    """One run; all figures are exact, so internal (not DP)."""

    table: str
    model: str
    epsilon: float | None
    univariate: float
    bivariate: float
    trivariate: float
    discriminator: float
    utility: float
    utility_real: float
    train_seconds: float
    total_seconds: float

    @property
    def overall(self) -> float:
        return (self.univariate + self.bivariate) / 2


def halves(table: str, data: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Training and holdout rows; a table without a holdout is split by a fixed seed, four to one."""
    folder = data / table
    if (folder / "train.csv.gz").is_file():
        return pd.read_csv(folder / "train.csv.gz"), pd.read_csv(folder / "holdout.csv.gz")
    whole = pd.read_csv(folder / f"{table}.csv").sample(frac=1, random_state=0)
    cut = len(whole) * 4 // 5
    return whole[:cut].reset_index(drop=True), whole[cut:].reset_index(drop=True)


def run(table: str, model: str, epsilon: float | None, data: Path, sets: list[str]) -> Score:
    """One whole run in a folder of its own."""
    train, holdout = halves(table, data)
    with tempfile.TemporaryDirectory(prefix="lakesynth-bench-") as scratch:
        folder = Path(scratch)
        train.to_csv(folder / "train.csv", index=False)
        kind, _, rest = model.partition(":")
        kind, _, method = kind.partition(".")
        config = {
            "name": table,
            "source": {"path": str(folder / "train.csv"), "format": "csv"},
            "privacy": {"epsilon": epsilon, "delta": DELTA},
            "ledger": {"url": f"sqlite:///{folder / 'ledger.db'}"},
            "model": {"kind": kind, **({"marginal": {"method": method}} if method else {})},
            "evaluate": {"target": TARGETS[table]},
            "track": {"uri": f"sqlite:///{folder / 'mlflow.db'}"},
            "spark": {"master": "local[2]", "conf": {"spark.driver.memory": "2g"}},
        }
        (folder / "table.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
        overrides = [*sets, *([rest] if rest else []), f"generate.rows={len(train)}"]
        seconds = {}
        for stage in ("scan", "prepare", "train", "generate"):
            started = time.monotonic()
            _synth(stage, folder, overrides)
            seconds[stage] = time.monotonic() - started
        synthetic = pq.read_table(folder / "work" / "synthetic").to_pandas()
        accuracy = _accuracy(folder)
    synthetic = synthetic[train.columns]
    return Score(
        table=table,
        model=model,
        epsilon=epsilon,
        univariate=accuracy["univariate"],
        bivariate=accuracy["bivariate"],
        trivariate=accuracy["trivariate"],
        discriminator=discriminator(train, synthetic),
        utility=utility(synthetic, holdout, TARGETS[table]),
        utility_real=utility(train, holdout, TARGETS[table]),
        train_seconds=seconds["train"],
        total_seconds=sum(seconds.values()),
    )


def discriminator(real: pd.DataFrame, synthetic: pd.DataFrame) -> float:
    """AUC of telling the two apart, on rows that the classifier was not trained on; 0.5 is best."""
    both = pd.concat([real, synthetic], ignore_index=True)
    labels = np.repeat([0, 1], [len(real), len(synthetic)])
    found = cross_val_predict(
        _trees(both, HistGradientBoostingClassifier(random_state=0)),
        both,
        labels,
        cv=3,
        method="predict_proba",
    )
    return float(roc_auc_score(labels, found[:, 1]))


def utility(train: pd.DataFrame, holdout: pd.DataFrame, target: str) -> float:
    """AUC, or R2 for a number, on the holdout of trees trained on `train`."""
    train = train[train[target].notna()]  # noise may have released a null or two
    features, asked = train.drop(columns=target), holdout.drop(columns=target)
    if pd.api.types.is_numeric_dtype(holdout[target]):
        model = _trees(features, HistGradientBoostingRegressor(random_state=0)).fit(features, train[target])
        return float(r2_score(holdout[target], model.predict(asked)))
    positive = sorted(holdout[target].unique())[-1]
    labels = (train[target] == positive).to_numpy()
    model = _trees(features, HistGradientBoostingClassifier(random_state=0)).fit(features, labels)
    return float(roc_auc_score(holdout[target] == positive, model.predict_proba(asked)[:, 1]))


def _trees(frame: pd.DataFrame, model: ClassifierMixin | RegressorMixin) -> Pipeline:
    words = frame.select_dtypes(exclude="number").columns.tolist()
    coder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-1)
    return make_pipeline(make_column_transformer((coder, words), remainder="passthrough"), model)


def _synth(stage: str, folder: Path, overrides: list[str]) -> None:
    sets = [part for override in overrides for part in ("--set", override)]
    command = [sys.executable, "-m", "synth.cli", stage, "--config", "table.yaml", "--workdir", "work", *sets]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "PYSPARK_PYTHON": sys.executable}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{stage} failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    for line in done.stdout.splitlines():
        if stage == "train" and "] train:" in line:
            print("   ", line, file=sys.stderr, flush=True)


def _accuracy(folder: Path) -> dict[str, float]:
    python = os.environ.get("LAKESYNTH_QA_PYTHON")
    if not python:
        raise SystemExit("set LAKESYNTH_QA_PYTHON to a Python that has mostlyai-qa (pip install mostlyai-qa)")
    script = REPOSITORY / "bench" / "qa.py"
    command = [python, "-W", "ignore", str(script), str(folder / "train.csv"), str(folder / "work/synthetic")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def table_of(scores: list[Score]) -> str:
    """The scores as Markdown."""
    head = (
        "| table | model | epsilon | overall | univariate | bivariate | trivariate | discriminator AUC | "
        "utility | utility, real | train s | all s |\n" + "|---" * 12 + "|\n"
    )
    rows = [
        f"| {s.table} | {s.model} | {'none' if s.epsilon is None else f'{s.epsilon:g}'} | {s.overall:.4f} | "
        f"{s.univariate:.4f} | {s.bivariate:.4f} | {s.trivariate:.4f} | {s.discriminator:.3f} | "
        f"{s.utility:.4f} | {s.utility_real:.4f} | {s.train_seconds:.0f} | {s.total_seconds:.0f} |"
        for s in scores
    ]
    return head + "\n".join(rows) + "\n"


def main() -> None:
    """Run the grid and print it; add it to the file named by --out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with adult/ and diamonds/")
    parser.add_argument("--tables", default="adult,diamonds")
    parser.add_argument("--epsilons", default="1", help="such as 0.3,1,null")
    parser.add_argument("--models", default="marginal.rounds")
    parser.add_argument("--set", action="append", default=[], dest="sets", help="section.key=value")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--out", type=Path, help="file of JSON lines to add to; its table goes beside it")
    asked = parser.parse_args()
    for table in asked.tables.split(","):
        for epsilon in (None if e == "null" else float(e) for e in asked.epsilons.split(",")):
            for model in asked.models.split(",") * asked.repeats:
                score = run(table, model, epsilon, asked.data, asked.sets)
                print(table_of([score]).splitlines()[-1], flush=True)
                if asked.out:
                    with asked.out.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(asdict(score)) + "\n")
    if asked.out:
        lines = asked.out.read_text(encoding="utf-8").splitlines()
        scores = [Score(**json.loads(line)) for line in lines]
        asked.out.with_suffix(".md").write_text(table_of(scores), encoding="utf-8")


if __name__ == "__main__":
    main()
