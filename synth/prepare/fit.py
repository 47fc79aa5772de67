"""From an exact summary and a receipt to released codebooks: where preparation's noise is drawn."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from synth.config.sections import Prepare
from synth.core.codebook import BinnedCodebook, CategoricalCodebook, Cell, Codebook
from synth.core.digits import Rounding, ending, endings_of, roundings
from synth.core.feature import Feature, Role, coded_features_of, features_of
from synth.core.finding import Findings
from synth.core.grid import Grid
from synth.core.power import PowerTransform
from synth.core.prepared import PreparedManifest
from synth.core.region import regions_of
from synth.core.schema import Column, Kind, TableSchema
from synth.core.vocabulary import believed, public_words
from synth.prepare.bins import cells_of, cut, find_spikes, share_outside, with_points
from synth.prepare.features import grid_for, type_limits
from synth.prepare.levels import Levels
from synth.prepare.plan import PreparePlan, Purpose, has_endings
from synth.prepare.power import fit_power
from synth.prepare.regions import region_codebook
from synth.prepare.summary import FeatureSummary, Summary
from synth.prepare.values import BUCKETS, PART_BITS, ReleasedParts
from synth.privacy import noise
from synth.privacy.entry import Receipt
from synth.privacy.quantile import release_mass
from synth.privacy.select import key_threshold, pruned_count, select_keys

_MOSTLY_OTHER = 0.5
"""Share of values outside the released categories above which a column is made up, not learned."""
_MOST_CATEGORIES = 10_000
"""Categories of one column that keep a code of their own; codes are 16 bits wide."""
_TOLD_FROM_NONE = 3.0
"""Standard deviations above which nulls are taken for real: of 740 columns without any, one gets some."""
BOOLEAN_WORDS = (
    *dict.fromkeys(
        spelled
        for word in ("true", "false", "yes", "no", "on", "off", "t", "f", "y", "n")
        for spelled in (word, word.capitalize(), word.upper())
    ),
    *("1", "0", "1.0", "0.0"),
)
"""Usual spellings of yes and no."""
_MORE_PLACES = 2
"""Bins of a place for each bin of a number: it stands for two columns."""


def fit(
    summary: Summary,
    schema: TableSchema,
    plan: PreparePlan,
    receipt: Receipt,
    settings: Prepare,
    findings: Findings,
) -> PreparedManifest:
    """Released codebooks of all features, with the released row count.

    A column none of whose values can be named privately becomes made-up text; a combination of columns most
    of which cannot falls apart into its columns, all of them made up.
    Args:
      summary: its features in the order of `features_of(schema)`.
      findings: what the schema was resolved from: the manifest is private only if they are.
    Guarantee: reads the summary only through `synth.privacy`, one release per query of the plan.
    """
    m = schema.unit.max_rows
    (rows,) = plan.receipts(receipt, Purpose.ROWS)
    n_rows = max(1, int(noise.noisy_counts(np.array([summary.n_rows]), rows).value[0]))
    n_units = n_rows
    if schema.unit.entity is not None:
        (units,) = plan.receipts(receipt, Purpose.UNITS)
        counted = noise.noisy_counts(np.array([summary.n_units]), units).value[0]
        n_units = int(np.clip(counted, max(1, -(-n_rows // m)), n_rows))

    codebooks: list[Codebook] = []
    unnamed: set[str] = set()
    levels = Levels()
    for feature, counted in zip(features_of(schema), summary.features, strict=True):
        if feature.role is Role.LEVEL:
            levels.add(feature, counted, plan, receipt, m=m, n_rows=n_rows)
            continue
        codebook = _fit_feature(counted, feature, plan, receipt, settings, n_rows, m)
        if feature.role is Role.RANGE:
            schema = _within_range(schema, feature, codebook)
        elif codebook is not None:
            codebooks.append(replace(codebook, noise_scale=plan.noise_scale(feature.name)))
        elif feature.role in (Role.PLAIN, Role.TOGETHER):
            unnamed |= set(feature.columns)
    schema, codebooks = _with_regions(_with_unnamed(schema, unnamed), codebooks, levels, settings, n_rows)
    return PreparedManifest(
        schema=schema,
        codebooks=tuple(codebooks),
        n_rows=n_rows,
        n_units=n_units,
        entries=(*findings.entries, receipt.entry),
        is_private=findings.is_private and plan.mu is not None,
    )


def _with_unnamed(schema: TableSchema, unnamed: set[str]) -> TableSchema:
    """The schema with columns made up that could not be learned."""
    columns = (replace(c, kind=Kind.TEXT) if c.name in unnamed else c for c in schema.columns)
    kept = tuple(group for group in schema.relations.together if group[0] not in unnamed)
    return replace(schema, columns=tuple(columns), relations=replace(schema.relations, together=kept))


def _with_regions(
    schema: TableSchema, codebooks: list[Codebook], levels: Levels, settings: Prepare, n_rows: int
) -> tuple[TableSchema, list[Codebook]]:
    """The schema and the codebooks in its order, with the codebook of the place that the levels are of."""
    made_up: set[str] = set()
    for region in regions_of(schema):
        codebook, unnamed = region_codebook(region, levels, n_rows, settings.bins * _MORE_PLACES)
        made_up |= set(unnamed)
        if codebook is not None:
            codebooks = [*codebooks, codebook]
        else:
            made_up |= set(region.columns)
            schema = replace(schema, relations=replace(schema.relations, regions=(), places=()))
    columns = tuple(replace(c, kind=Kind.TEXT) if c.name in made_up else c for c in schema.columns)
    schema = replace(schema, columns=columns)
    order = {feature.name: place for place, feature in enumerate(coded_features_of(schema))}
    return schema, sorted(codebooks, key=lambda codebook: order[codebook.column])


def _within_range(schema: TableSchema, feature: Feature, codebook: Codebook | None) -> TableSchema:
    """The schema with the released range of a column that is made as a sum as its bounds, where none is
    declared."""
    if not isinstance(codebook, BinnedCodebook) or not codebook.uppers:
        return schema
    (name,) = feature.columns
    is_point = codebook.lowers[-1] == codebook.uppers[-1]
    upper = codebook.uppers[-1] - (0.0 if is_point or codebook.kind is Kind.REAL else 1.0)
    if not math.isfinite(upper):
        return schema

    def bounded(column: Column) -> Column:
        if column.name != name or column.upper is not None:
            return column
        return replace(column, upper=upper)

    return replace(schema, columns=tuple(map(bounded, schema.columns)))


def _fit_feature(
    counted: FeatureSummary,
    feature: Feature,
    plan: PreparePlan,
    receipt: Receipt,
    settings: Prepare,
    n_rows: int,
    m: int,
) -> Codebook | None:
    if feature.column.constant:
        return _constant(feature, n_rows)
    if feature.column.kind.is_binned:
        receipts = plan.receipts(receipt, Purpose.BINS, feature)
        if feature.column.edges is not None:
            return _count_bins(counted, feature, feature.column.edges, receipts[0])
        parts = _released_parts(counted, plan.receipts(receipt, Purpose.VALUES, feature))
        found = _find_bins(counted, feature, receipts, settings, n_rows, parts)
        if not has_endings(feature):
            return found
        (paid,) = plan.receipts(receipt, Purpose.ENDINGS, feature)
        return replace(found, roundings=_find_roundings(counted, feature, paid, found))
    if feature.column.categories is not None:
        (paid,) = plan.receipts(receipt, Purpose.DECLARED, feature)
        return _count_categories(counted, feature, feature.column.categories, paid)
    (paid,) = plan.receipts(receipt, Purpose.FOUND, feature)
    return _find_categories(counted, feature, paid, n_rows, m)


def _released_nulls(counted: FeatureSummary, feature: Feature, paid: Receipt) -> float:
    """One more cell of the histogram that the receipt pays for; too few to be told from none are none."""
    nulls = float(noise.noisy_counts(np.array([counted.nulls]), paid).value[0])
    return nulls if feature.column.nullable and nulls > _TOLD_FROM_NONE * noise.scale_of(paid) else 0.0


def _constant(feature: Feature, n_rows: int) -> CategoricalCodebook:
    """A column of which every row has the one public value: nothing is left to be counted."""
    assert feature.column.categories is not None
    counts = (0.0, float(n_rows))
    return CategoricalCodebook(
        column=feature.name, categories=feature.column.categories, counts=counts, closed=True
    )


def _count_categories(
    counted: FeatureSummary, feature: Feature, categories: tuple[str, ...], paid: Receipt
) -> CategoricalCodebook:
    """Declared categories, and one more cell for values that are none of them: these are coded as null."""
    nulls = _released_nulls(counted, feature, paid)
    listed = [counted.categories.get(key, 0) for key in categories]
    outside = sum(counted.categories.values()) - sum(listed)
    exact = np.array([*listed, outside], dtype=np.int64)
    *found, beyond = np.maximum(noise.noisy_counts(exact, paid).value, 0).astype(float).tolist()
    # Few values outside are not told from none.
    beyond = beyond if beyond > _TOLD_FROM_NONE * noise.scale_of(paid) else 0.0
    return CategoricalCodebook(
        column=feature.name,
        categories=categories,
        counts=(nulls + beyond, *found),
        closed=True,
        outside=beyond / (beyond + sum(found)) if beyond else 0.0,
    )


def _find_categories(
    counted: FeatureSummary, feature: Feature, paid: Receipt, n_rows: int, m: int
) -> CategoricalCodebook | None:
    nulls = _released_nulls(counted, feature, paid)
    scale = noise.scale_of(paid)
    if feature.column.kind is Kind.BOOLEAN:
        named = _named_booleans(counted.categories, paid, m)
    elif feature.role is Role.PLAIN and scale > 0:
        named = _named_words(counted.categories, paid, n_rows - nulls, m)
    else:
        pruned = pruned_count(scale, max_rows=m)
        named = select_keys(counted.categories, paid, max_rows=m, pruned=pruned).value
    frequent = sorted(named, key=lambda key: (-named[key], key))[:_MOST_CATEGORIES]
    if scale == 0:  # no privacy, or a public column: all of it is known
        n_rows = counted.nulls + sum(counted.categories.values())
    other = max(0.0, n_rows - nulls - sum(named[key] for key in frequent))
    if other > _MOSTLY_OTHER * max(n_rows - nulls, 1) and (not frequent or feature.role is not Role.PLAIN):
        return None
    # A rest smaller than the noise of its own estimate is no rest.
    if other <= 2 * scale * math.sqrt(len(frequent) + 2):
        other = 0.0
    keys = sorted(frequent, key=_natural) if feature.column.kind is Kind.ORDERED else frequent
    counts = (nulls, *(float(named[key]) for key in keys), other)
    return CategoricalCodebook(column=feature.name, categories=tuple(keys), counts=counts)


def _named_booleans(counts: dict[str, int], paid: Receipt, m: int) -> dict[str, int]:
    """Counts of the usual spellings, which are public, and of other values that reach the threshold.

    Each value is of one of the two, so together they are the one histogram that the receipt pays for.
    """
    exact = np.array([counts.get(word, 0) for word in BOOLEAN_WORDS], dtype=np.int64)
    noisy = noise.noisy_counts(exact, paid).value
    least = max(_TOLD_FROM_NONE * noise.scale_of(paid), 0)
    usual = {word: int(n) for word, n in zip(BOOLEAN_WORDS, noisy, strict=True) if n > least}
    others = {key: n for key, n in counts.items() if key not in BOOLEAN_WORDS}
    return usual | select_keys(others, paid, max_rows=m, pruned=0).value


def _named_words(counts: dict[str, int], paid: Receipt, n_values: float, m: int) -> dict[str, int]:
    """Counts of public words that are taken to occur, and of other values that reach the threshold.

    Values of at most `pruned` rows may be uncounted, so a public word counts the rows that it has above them.
    Guarantee: each value is a public word or none, so that together they are the one histogram that the
      receipt pays for; which of the noisy counts of public words are kept is told from released figures.
    """
    words, pruned = public_words(), pruned_count(noise.scale_of(paid), max_rows=m)
    exact = np.array([max(counts.get(word, 0) - pruned, 0) for word in words], dtype=np.int64)
    noisy = dict(zip(words, noise.noisy_counts(exact, paid).value.astype(float).tolist(), strict=True))
    public = frozenset(words)
    others = {key: n for key, n in counts.items() if key not in public}
    named = select_keys(others, paid, max_rows=m, pruned=pruned).value
    least = key_threshold(paid, max_rows=m, pruned=pruned)
    named |= {word: int(n) for word, n in noisy.items() if n >= least}
    room = n_values - sum(named.values())
    kept = believed(noisy, named, noise.scale_of(paid), room)
    return named | {word: int(n) + pruned for word, n in kept.items()}


def _natural(key: str) -> tuple[bool, float, str]:
    """Numbers by value, before words by the alphabet."""
    try:
        return (False, float(key), key)
    except ValueError:
        return (True, 0.0, key)


def _find_bins(
    counted: FeatureSummary,
    feature: Feature,
    receipts: Sequence[Receipt],
    settings: Prepare,
    n_rows: int,
    parts: ReleasedParts | None,
) -> BinnedCodebook:
    column = feature.column
    grid = grid_for(column)
    nulls = _released_nulls(counted, feature, receipts[0])
    wanted = settings.bins * (_MORE_PLACES if feature.role is Role.PLACE else 1)
    whole = column.kind is not Kind.REAL or column.decimals is not None
    mass = release_mass(
        counted.cells,
        counted.counts,
        grid,
        receipts,
        bins=wanted,
        whole=whole,
        total=n_rows - nulls,
        within=type_limits(column),
    ).value
    cells = cells_of(mass, grid, column)
    if not cells:
        return _codebook(feature, [], [], nulls, None)
    power = fit_power(cells) if column.kind in (Kind.INTEGER, Kind.REAL) else None
    spikes = find_spikes(cells, grid, column, wanted, mass.noise_scale)
    bins = cut(
        cells, settings.binning, column, bins=wanted, noise_scale=mass.noise_scale, power=power, spikes=spikes
    )
    alone = list(itertools.compress(cells, spikes))
    within = with_points(bins, alone, column, _values(alone, grid, column, parts))
    outside = share_outside(mass, grid, column)
    return replace(_codebook(feature, bins, within, nulls, power), outside=outside)


def _released_parts(counted: FeatureSummary, receipts: Sequence[Receipt]) -> ReleasedParts | None:
    """What tells the values of heavy cells: of each part one histogram, in which a row counts once."""
    if not receipts:
        return None
    n_parts = len(receipts)
    exact = np.zeros(BUCKETS * n_parts << PART_BITS, dtype=np.int64)
    exact[counted.counters] = counted.counter_counts
    by_part = exact.reshape(BUCKETS, n_parts, -1).transpose(1, 0, 2)
    noisy = [
        noise.noisy_counts(part.ravel(), paid).value.reshape(part.shape)
        for part, paid in zip(by_part, receipts, strict=True)
    ]
    return ReleasedParts(counts=np.stack(noisy).astype(np.float64), noise_scale=noise.scale_of(receipts[0]))


def _values(
    spikes: Sequence[Cell], grid: Grid, column: Column, parts: ReleasedParts | None
) -> dict[Cell, float]:
    """The value of each spike that holds mostly one."""
    finite = [cell for cell in spikes if math.isfinite(cell[0]) and cell[0] < cell[1]]
    if parts is None or not finite:
        return {}
    lower, upper, mass = (np.array(edge) for edge in zip(*finite, strict=True))
    if column.kind is Kind.REAL and column.decimals is not None:
        inside = lower
    elif column.kind is Kind.REAL:
        inside = lower / 2 + upper / 2
    else:
        inside = np.ceil(lower)
    numbers = grid.cell(inside)
    found = parts.values(numbers.tolist(), mass.tolist(), column)
    return {
        cell: found[number] for cell, number in zip(finite, numbers.tolist(), strict=True) if number in found
    }


def _find_roundings(
    counted: FeatureSummary, feature: Feature, paid: Receipt, bins: BinnedCodebook
) -> tuple[Rounding, ...]:
    """What values are rounded to, from one histogram of how they end, without those that the bins tell one
    by one: a sentinel of 20210101 would else make all days the first of a year."""
    column = feature.column
    names = endings_of(column.kind, column.decimals)
    exact = np.array([counted.categories.get(name, 0) for name in names], dtype=np.int64)
    noisy = noise.noisy_counts(exact, paid).value.astype(np.float64)
    values, mass = bins.single_values()
    ends = ending(values, column.kind, column.decimals)
    told = np.bincount(ends, weights=mass, minlength=len(names))
    most = int(np.bincount(ends, minlength=1).max())
    return roundings(
        np.maximum(noisy - told, 0.0).tolist(),
        column.kind,
        column.decimals,
        noise_scale=math.hypot(noise.scale_of(paid), bins.noise_scale * math.sqrt(most)),
    )


def _count_bins(
    counted: FeatureSummary, feature: Feature, edges: tuple[float, ...], paid: Receipt
) -> BinnedCodebook:
    """Bins between public edges; values outside them go to the outer bins."""
    nulls = _released_nulls(counted, feature, paid)
    middles = grid_for(feature.column).lower(counted.cells)
    place = np.clip(np.searchsorted(edges, middles, side="right") - 1, 0, len(edges) - 2)
    exact = np.bincount(place, weights=counted.counts, minlength=len(edges) - 1).astype(np.int64)
    found = np.maximum(noise.noisy_counts(exact, paid).value, 0).astype(float).tolist()
    bins = [[(a, b, max(n, 1e-9))] for a, b, n in zip(edges, edges[1:], found, strict=False)]
    return _codebook(feature, bins, bins, nulls, None)


def _codebook(
    feature: Feature,
    bins: Sequence[Sequence[Cell]],
    within: Sequence[Sequence[Cell]],
    nulls: float,
    power: PowerTransform | None,
) -> BinnedCodebook:
    """Bins with the edges that values are coded by, and where `within` them the mass lies."""
    return BinnedCodebook(
        column=feature.name,
        kind=feature.column.kind,
        lowers=tuple(cells[0][0] for cells in bins),
        uppers=tuple(cells[-1][1] for cells in bins),
        counts=(nulls, *(sum(count for _, _, count in cells) for cells in bins)),
        cells=tuple(tuple(cells) for cells in within),
        decimals=feature.column.decimals,
        power=power,
    )
