"""What preparation makes of one number of many shapes: distance after decode, and what lies out of range.

    python bench/prepare_shapes.py [--rows 300 1000] [--epsilon 1 10 0] [--repeats 5]

Each shape is one of ten columns of a table (six numbers, four categories) whose preparation gets
`--share` of the budget of (epsilon, 1e-5). The column is coded and decoded again, and compared with
itself: total variation over the values that hold 3% or more and twenty bins of equal mass of the
others, and the share of decoded values below the least or above the greatest.
Epsilon 0 stands for no privacy.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from synth.config.sections import Prepare
from synth.core.feature import features_of
from synth.core.finding import Findings
from synth.core.schema import Column, Kind, PrivacyUnit, TableSchema
from synth.prepare.features import numbers_of
from synth.prepare.fit import fit
from synth.prepare.plan import PreparePlan
from synth.prepare.summary import Summary, count_batches
from synth.privacy import accountant
from synth.privacy.budget import Budget
from synth.privacy.entry import Receipt

DELTA, SELECTION = 1e-5, 0.2
_POINT = 0.03
_BINS = 20
_OF_TABLE = 1 / 12
"""This column's part of preparation's budget: six numbers of weight 12 and four categories of 18."""
_DRAWS = 20_000
_DAY = 86_400

Values = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Values]


@dataclass(frozen=True)
class Shape:
    """A distribution and the kind of column that it comes in."""

    name: str
    draw: Draw
    kind: Kind = Kind.REAL
    decimals: int | None = None

    @property
    def column(self) -> Column:
        types = {Kind.INTEGER: "bigint", Kind.DATE: "date", Kind.TIMESTAMP: "timestamp"}
        return Column(
            name="x",
            spark_type=types.get(self.kind, "double"),
            kind=self.kind,
            nullable=False,
            decimals=self.decimals,
        )


def _mixed(share: float, value: float | Draw, rest: Draw) -> Draw:
    """`value` with a share, and the rest."""

    def draw(rng: np.random.Generator, n: int) -> Values:
        first = value(rng, n) if callable(value) else np.full(n, float(value))
        return np.where(rng.random(n) < share, first, rest(rng, n))

    return draw


def _choice(values: list[float], shares: list[float]) -> Draw:
    return lambda rng, n: rng.choice(np.array(values, dtype=float), n, p=np.array(shares) / sum(shares))


def _ages(rng: np.random.Generator, n: int) -> Values:
    return np.clip(np.round(18 + rng.gamma(2.2, 12.0, n)), 18, 95)


def _lognormal(mean: float, sd: float) -> Draw:
    return lambda rng, n: rng.lognormal(mean, sd, n)


def _whole(draw: Draw) -> Draw:
    return lambda rng, n: np.round(draw(rng, n))


SHAPES = (
    Shape("normal", lambda rng, n: rng.normal(0, 1, n)),
    Shape("normal far off", lambda rng, n: rng.normal(1_013, 8, n), decimals=1),
    Shape("lognormal", _lognormal(3, 1.2), decimals=2),
    Shape("percent 0..1", lambda rng, n: rng.beta(2, 5, n)),
    Shape("scale 1e-9", _lognormal(-20.7, 0.5)),
    Shape("78% zero", _mixed(0.78, 0.0, _lognormal(5, 1)), decimals=2),
    Shape("81% zero, reals", _mixed(0.81, 0.0, _lognormal(0, 1))),
    Shape("90% zero, counts", _mixed(0.9, 0.0, lambda rng, n: 1.0 + rng.geometric(0.2, n)), Kind.INTEGER),
    Shape("two humps", _mixed(0.4, lambda rng, n: rng.normal(20, 2, n), lambda rng, n: rng.normal(80, 5, n))),
    Shape("sentinel -1 and range", _mixed(0.3, -1, lambda rng, n: rng.integers(100, 900, n) * 1.0), Kind.INTEGER),  # noqa: E501
    Shape("sentinel 99999", _mixed(0.2, 99_999, _ages), Kind.INTEGER),
    Shape("ages", _ages, Kind.INTEGER),
    Shape("1 to 10", lambda rng, n: rng.integers(1, 11, n) * 1.0, Kind.INTEGER),
    Shape("years, three", _choice([2020, 2021, 2022], [0.12, 0.36, 0.52]), Kind.INTEGER),
    Shape("years, sixty", lambda rng, n: 2023 - np.floor(rng.exponential(12, n)).clip(0, 60), Kind.INTEGER),
    Shape("ports", _mixed(0.3, 27_017, _mixed(0.4, 443, lambda rng, n: rng.integers(1_024, 65_536, n) * 1.0)), Kind.INTEGER),  # noqa: E501
    Shape("prices .99", lambda rng, n: np.floor(rng.lognormal(3, 0.8, n)) + 0.99, decimals=2),
    Shape("salaries", _whole(lambda rng, n: np.round(rng.lognormal(11.5, 0.5, n) / 1_000) * 1_000), Kind.INTEGER),  # noqa: E501
    Shape("ids 1e12", lambda rng, n: np.floor(rng.uniform(1e12, 2e12, n)), Kind.INTEGER),
    Shape("uniform 0..1000", lambda rng, n: rng.uniform(0, 1_000, n), decimals=1),
    Shape("dates", lambda rng, n: np.floor(rng.uniform(17_000, 19_500, n)), Kind.DATE),
    Shape("valid until", _mixed(0.4, 2_932_896, lambda rng, n: np.floor(rng.uniform(17_000, 20_500, n))), Kind.DATE),  # noqa: E501
    Shape("timestamps", lambda rng, n: np.floor(rng.uniform(17_000 * _DAY, 17_365 * _DAY, n)), Kind.TIMESTAMP),  # noqa: E501
    Shape("births", lambda rng, n: np.floor(rng.normal(2_500, 8_000, n)), Kind.DATE),
)  # fmt: skip


def coded(shape: Shape, values: Values, mu: float | None, rng: np.random.Generator) -> Values:
    """Many draws of what the values come back as."""
    schema = TableSchema(name="t", columns=(shape.column,), unit=PrivacyUnit())
    batch = pa.RecordBatch.from_pydict({"x": pa.array(values)})
    features = features_of(schema)
    records = pa.Table.from_batches(list(count_batches(iter([batch]), features, schema, max_held=10**6)))
    summary = Summary.of_records(records, 1, None)
    plan = PreparePlan.of(schema, Prepare(), mu, DELTA * SELECTION, len(values))
    receipt = Receipt(entry=1, events=plan.events())
    findings = Findings(table="t", n_rows=1.0, columns=(), is_private=mu is not None)
    (codebook,) = fit(summary, schema, plan, receipt, Prepare(), findings).codebooks
    codes = codebook.encode(numbers_of(features[0], batch, schema))  # type: ignore[arg-type]
    many = np.tile(codes, -(-_DRAWS // len(codes)))
    return np.asarray(codebook.decode(many, rng.random(len(many))), dtype=np.float64)


def distance(values: Values, other: Values) -> float:
    """Total variation over points and bins of the true values; nulls that never were count in full."""
    distinct, counts = np.unique(values, return_counts=True)
    points = distinct[counts >= _POINT * len(values)]
    smooth = values[~np.isin(values, points)]
    edges = np.unique(np.quantile(smooth, np.linspace(0, 1, _BINS + 1)[1:-1])) if len(smooth) else np.zeros(0)

    def shares(x: Values) -> Values:
        at = np.isin(x, points)
        of_points = [np.mean(x == point) for point in points]
        of_bins = np.bincount(
            np.searchsorted(edges, x[~at & ~np.isnan(x)], side="right"), minlength=len(edges) + 1
        )
        return np.array([*of_points, *of_bins / len(x)])

    return float(0.5 * (np.abs(shares(values) - shares(other)).sum() + np.isnan(other).mean()))


def measured(shape: Shape, rows: int, mu: float | None, repeats: int) -> tuple[float, float]:
    """Mean distance, and mean share out of range."""
    found = []
    for seed in range(repeats):
        rng = np.random.default_rng(seed)
        values = shape.draw(rng, rows)
        if shape.decimals is not None:
            values = np.round(values, shape.decimals)
        other = coded(shape, values, mu, rng)
        low, high = values.min(), values.max()
        found.append((distance(values, other), float(np.mean((other < low) | (other > high)))))
    return tuple(np.mean(found, axis=0).tolist())  # type: ignore[return-value]


def lines(rows: list[int], epsilons: list[float], repeats: int, share: float) -> Iterator[str]:
    settings = [(epsilon, n) for epsilon in epsilons for n in rows]
    yield "| shape | " + " | ".join(f"{e or 'none'}, {n:,}" for e, n in settings) + " |"
    yield "|---|" + "---|" * len(settings)
    sums = []
    for shape in SHAPES:
        cells = []
        for epsilon, n in settings:
            mu = None
            if epsilon:
                whole = accountant.gaussian_mu(Budget(epsilon=epsilon, delta=DELTA * (1 - SELECTION)))
                mu = whole * (share * _OF_TABLE) ** 0.5
            cells.append(measured(shape, n, mu, repeats))
        sums.append(cells)
        yield f"| {shape.name} | " + " | ".join(f"{d:.3f} {o:.3f}" for d, o in cells) + " |"
    yield "| all | " + " | ".join(f"{d:.3f} {o:.3f}" for d, o in np.mean(sums, axis=0)) + " |"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[300, 1_000, 6_000, 50_000])
    parser.add_argument("--epsilon", type=float, nargs="+", default=[1.0, 10.0, 0.0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--share", type=float, default=0.12)
    arguments = parser.parse_args()
    for line in lines(arguments.rows, arguments.epsilon, arguments.repeats, arguments.share):
        print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
