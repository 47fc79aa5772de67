"""Digits as a table: is a private autoencoder of use, and is noise on finished weights an alternative?

    python bench/digits.py --out bench/results/digits.md

scikit-learn's 1,797 digits of 8 x 8 pixels, each pixel an ordered column of 4 declared grey levels and the
digit a declared category: 1,400 rows to learn from, the others to test on. A logistic regression is
trained on generated rows and tested on real ones, beside one trained on the real rows. The autoencoder is
given the digit, and all rows join each of its few steps: with so few rows, noise decides. Ways, at equal
epsilon and delta 1e-5:

- DP-SGD: the product from the command line, `model.kind: vae`, epsilon for everything.
- Noise on finished weights: the same autoencoder trained without privacy, then Gaussian noise on its
  decoder. Two trainings may end anywhere in the ball that holds the weights, so the sensitivity is twice
  its radius; as radius the weights' own norm is taken. A baseline, and kinder than a private one: radius
  and codebooks are not paid for.

A picture of generated digits goes beside the table.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray
from show import show
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from synth.models.artifact import NeuralArtifact
from synth.models.sampler import load_sampler
from synth.privacy import accountant
from synth.privacy.budget import Budget
from synth.train.noise import gaussian_noise

REPOSITORY = Path(__file__).parents[1]
LEARNED, GENERATED, DELTA = 1400, 4000, 1e-5
LEVELS = 4
NEVER = np.float32(-1e30)
IMPOSSIBLE = -1e3
"""Biases below this stand for codes that were not released."""
PIXELS = [f"p{number:02d}" for number in range(64)]
Rows = tuple[NDArray[np.int64], NDArray[np.int64]]


def split() -> tuple[Rows, Rows]:
    """Pixels [n, 64] and digits [n] to learn from, and to test on."""
    pixels, digits = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(digits))
    pixels, digits = pixels[order].astype(np.int64) * LEVELS // 17, digits[order].astype(np.int64)
    return (pixels[:LEARNED], digits[:LEARNED]), (pixels[LEARNED:], digits[LEARNED:])


def accuracy(learned: Rows, tested: Rows) -> float:
    """Share of real test digits that a classifier trained on `learned` knows."""
    if len(set(learned[1])) < 2:
        return float((tested[1] == learned[1][0]).mean())
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    return float(model.fit(*learned).score(*tested))


def trained(rows: Rows, epsilon: float | None, folder: Path) -> Path:
    """Scan, prepare and train by the command line; the workspace."""
    frame = pd.DataFrame(rows[0], columns=PIXELS).assign(digit=rows[1]).astype(str)
    frame.to_csv(folder / "digits.csv", index=False)
    column = {"kind": "ordered", "categories": [str(value) for value in range(LEVELS)]}
    digit = {"kind": "categorical", "categories": [str(value) for value in range(10)]}
    config = {
        "name": "digits",
        "source": {"path": str(folder / "digits.csv"), "format": "csv"},
        "privacy": {"epsilon": epsilon, "delta": DELTA},
        "columns": {**dict.fromkeys(PIXELS, column), "digit": digit},
        "ledger": {"url": f"sqlite:///{folder / 'ledger.db'}"},
        "track": {"uri": f"sqlite:///{folder / 'mlflow.db'}"},
        "model": {"kind": "vae", "vae": {"condition": "digit", "latent": 2, "hidden": [32]}},
        "train": {"steps": 60, "sample_rate": 1.0, "learning_rate": 0.05, "launcher": "single"},
        "spark": {"master": "local[2]", "conf": {"spark.driver.memory": "2g"}},
    }
    (folder / "table.yaml").write_text(yaml.dump(config, Dumper=_NoAliases), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "PYSPARK_PYTHON": sys.executable}
    for stage in ("scan", "prepare", "train"):
        command = [sys.executable, "-m", "synth.cli", stage, "--config", "table.yaml", "--workdir", "work"]
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"{stage} failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return folder / "work"


class _NoAliases(yaml.SafeDumper):
    """Writes equal columns out in full."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def generated(model: Path) -> Rows:
    """Rows of the model's codes: code k of a declared column is its k-th value, 0 a null."""
    sampler = load_sampler(model)
    codes = sampler.sample(np.random.default_rng(1).random((GENERATED, sampler.n_uniforms))).astype(np.int64)
    codes = codes[(codes > 0).all(axis=1)] - 1
    names = list(sampler.domain.names)
    pixels = codes[:, [names.index(name) for name in PIXELS]]
    return pixels, codes[:, names.index("digit")]


def perturbed(model: Path, epsilon: float, folder: Path) -> Path:
    """The model with Gaussian noise on its weights, for a ball of their own norm.

    Biases that make codes impossible are released facts, not learned: they count for nothing, and stay so.
    """
    artifact = NeuralArtifact.load(model)
    learned = {name: array > IMPOSSIBLE for name, array in artifact.weights.items()}
    squares = [
        float((array[learned[name]].astype(float) ** 2).sum()) for name, array in artifact.weights.items()
    ]
    deviation = (
        2 * float(np.sqrt(sum(squares))) / accountant.gaussian_mu(Budget(epsilon=epsilon, delta=DELTA))
    )
    noise = {name: gaussian_noise(array.size, deviation).numpy() for name, array in artifact.weights.items()}
    noisy = {
        name: np.where(learned[name], array + noise[name].reshape(array.shape), NEVER)
        for name, array in artifact.weights.items()
    }
    folder.mkdir()
    replace(artifact, weights=noisy).save(folder)
    return folder


def draw(path: Path, shown: dict[str, Rows]) -> None:
    """Twenty digits of each way, two of each kind where there are so many."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 0.62 * len(shown)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(shown), 20, squeeze=False)
    for line, (name, (pixels, digits)) in zip(axes, shown.items(), strict=True):
        for place, axis in enumerate(line):
            of_kind = pixels[digits == place // 2]
            axis.axis("off")
            if len(of_kind) > place % 2:
                axis.imshow(of_kind[place % 2].reshape(8, 8), cmap="gray_r", vmin=0, vmax=LEVELS - 1)
        line[0].set_title(name, loc="left", fontsize=8)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--epsilons", default="1,3,10")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    learned, tested = split()
    lines = ["| rows trained on | epsilon | accuracy on real digits |", "|---|---|---|"]
    lines.append(f"| real | - | {accuracy(learned, tested):.3f} |")
    shown = {"real": learned}
    with tempfile.TemporaryDirectory(prefix="lakesynth-bench-") as scratch:
        folder = Path(scratch)
        (folder / "null").mkdir()
        bare = trained(learned, None, folder / "null") / "model"
        shown["autoencoder without privacy"] = generated(bare)
        lines.append(f"| autoencoder | none | {accuracy(generated(bare), tested):.3f} |")
        for epsilon in map(float, arguments.epsilons.split(",")):
            (folder / f"{epsilon}").mkdir()
            private = generated(trained(learned, epsilon, folder / f"{epsilon}") / "model")
            noisy = generated(perturbed(bare, epsilon, folder / f"perturbed-{epsilon}"))
            shown |= {f"DP-SGD, epsilon {epsilon:g}": private, f"noisy weights, epsilon {epsilon:g}": noisy}
            lines.append(f"| autoencoder by DP-SGD | {epsilon:g} | {accuracy(private, tested):.3f} |")
            lines.append(
                f"| autoencoder, noise on its weights | {epsilon:g} | {accuracy(noisy, tested):.3f} |"
            )
            print("\n".join(lines[-2:]), flush=True)
    show(lines, arguments.out)
    if arguments.out:
        draw(arguments.out.with_suffix(".png"), shown)


if __name__ == "__main__":
    main()
