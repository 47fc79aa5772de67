"""All that one comparison says, as plain content, and how it is put together from arrays."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from synth.config.sections import Evaluate
from synth.core.schema import TableSchema
from synth.errors import SourceError
from synth.evaluate.bins import Bins, CategoryBins
from synth.evaluate.discriminator import Discriminator, discriminate
from synth.evaluate.distributions import ColumnComparison, compare_categories, compare_numbers
from synth.evaluate.fidelity import Fidelity, compare_marginals
from synth.evaluate.marginals import Counts, Workload
from synth.evaluate.rows import Rows
from synth.evaluate.utility import Utility, measure_utility


@dataclass(frozen=True, kw_only=True)
class PrivacyStatement:
    """What the synthetic table cost, as the ledger says.

    Attributes:
      table: the table's name in the ledger.
      unit: whose privacy is protected, in words.
      epsilon_total: spent so far, composed over all stages; None if the table was made without privacy.
      epsilon_budget: what may be spent; None without a limit.
      delta: the probability that the guarantee leaves open; None without privacy.
      by_stage: by how much each stage raised epsilon, in the order of the book; adds up to the total.
      is_private: whether every look at the data was paid for.
    """

    table: str
    unit: str
    epsilon_total: float | None
    epsilon_budget: float | None
    delta: float | None
    by_stage: Mapping[str, float]
    is_private: bool

    def __post_init__(self) -> None:
        if self.is_private and self.epsilon_total is None:
            raise ValueError(f"table {self.table!r} is called private without the epsilon that it cost")

    @property
    def statement(self) -> str:
        """The guarantee in one or two sentences."""
        if not self.is_private or self.epsilon_total is None:
            return (
                "This table was made WITHOUT privacy: no noise was added, and it may reveal rows of its "
                "source. Handle it like the source."
            )
        given = (
            "no budget was set" if self.epsilon_budget is None else f"of {self.epsilon_budget:.4g} granted"
        )
        delta = "" if self.delta is None else f", delta {self.delta:.3g}"
        return (
            f"The synthetic table and its model are differentially private: epsilon "
            f"{self.epsilon_total:.4g} ({given}){delta}, under adding or removing one {self.unit}."
        )


@dataclass(frozen=True, kw_only=True)
class TableSize:
    """Rows of a table, and how many of them were sampled for the classifiers and drawings."""

    n_rows: int
    n_sampled: int


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """A synthetic table compared with its real one. Every score in it is exact, so internal (not DP).

    Attributes:
      table: the table's name.
      real, synthetic, holdout: sizes; `holdout` is None without one.
      made_up: columns whose values are invented, which are not compared.
      fidelity: distances and associations; None if no column is modelled.
      columns: every modelled column side by side, in the table's order.
    """

    table: str
    real: TableSize
    synthetic: TableSize
    holdout: TableSize | None
    made_up: tuple[str, ...]
    fidelity: Fidelity | None
    columns: tuple[ColumnComparison, ...]
    discriminator: Discriminator
    utility: Utility


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One table as the comparison needs it: counts of all its rows, and a sample of them."""

    n_rows: int
    counts: Counts
    sample: Rows


def compare(
    schema: TableSchema,
    settings: Evaluate,
    bins: Mapping[str, Bins],
    workload: Workload,
    real: Measured,
    synthetic: Measured,
    holdout: Measured | None,
    progress: Callable[[str], None],
) -> Evaluation:
    """Everything about two tables whose marginals were counted over `workload`, columns as in `bins`.

    Raises: SourceError if a table has no rows; ConfigError if the target is not a modelled column.
    """
    _check_rows(real, synthetic, holdout)
    columns = schema.modelled
    progress("comparing marginals")
    fidelity = None
    if columns:
        held = None if holdout is None else holdout.counts
        fidelity = compare_marginals(list(bins), workload, real.counts, synthetic.counts, held)
    progress("training a classifier to tell real rows from synthetic ones")
    discriminator = discriminate(columns, real.sample, synthetic.sample)
    progress("training on synthetic rows, testing on real ones")
    utility = measure_utility(
        columns, real.sample, synthetic.sample, None if holdout is None else holdout.sample, settings.target
    )
    return Evaluation(
        table=schema.name,
        real=_size(real),
        synthetic=_size(synthetic),
        holdout=None if holdout is None else _size(holdout),
        made_up=tuple(column.name for column in schema.columns if column.kind.is_made_up),
        fidelity=fidelity,
        columns=_side_by_side(schema, bins, workload, real, synthetic),
        discriminator=discriminator,
        utility=utility,
    )


def _check_rows(real: Measured, synthetic: Measured, holdout: Measured | None) -> None:
    for name, table in (("real", real), ("synthetic", synthetic), ("holdout", holdout)):
        if table is not None and not table.n_rows > 0:
            raise SourceError(f"the {name} table has no rows; there is nothing to compare")


def _side_by_side(
    schema: TableSchema, bins: Mapping[str, Bins], workload: Workload, real: Measured, synthetic: Measured
) -> tuple[ColumnComparison, ...]:
    compared: list[ColumnComparison] = []
    for position, column in enumerate(schema.modelled):
        column_bins = bins[column.name]
        if isinstance(column_bins, CategoryBins):
            place = workload.cliques.index((position,))
            compared.append(
                compare_categories(column, column_bins, real.counts[place], synthetic.counts[place])
            )
        else:
            values = (table.sample.columns[column.name] for table in (real, synthetic))
            compared.append(compare_numbers(column, *values))
    return tuple(compared)


def _size(table: Measured) -> TableSize:
    return TableSize(n_rows=table.n_rows, n_sampled=table.sample.n_rows)
