"""The sections of the page that compare with real rows, each marked internal."""

from html import escape

from synth.core.schema import Kind
from synth.evaluate import charts
from synth.evaluate.charts import format_number, format_score, format_value
from synth.evaluate.distributions import CategoryComparison, Moments, NumberComparison
from synth.evaluate.evaluation import Evaluation
from synth.evaluate.fidelity import Distances, Fidelity

_N_WORST = 12
_N_TELLS = 6
_SECONDS_A_DAY = 86_400


def section(title: str, body: str, *, internal: bool = True) -> str:
    """A titled box; `internal` marks what was computed from real rows without noise. Titles are our own."""
    mark = '<span class="badge">internal (not DP)</span>' if internal else ""
    return f"<section><h2>{title}{mark}</h2>{body}</section>"


def distances(evaluation: Evaluation, fidelity: Fidelity) -> str:
    """Mean distances beside their floor, the farthest columns, and all pairs."""

    def row(name: str, distances: Distances) -> str:
        values = (distances.tvd_1way, distances.tvd_2way, distances.tvd_3way)
        return (
            f"<tr><th>{name}</th>{''.join(f'<td>{format_score(value)}</td>' for value in values)}"
            f"<td>{distances.n_rows:,}</td></tr>"
        )

    floor = "" if fidelity.floor is None else row("Holdout (floor by chance)", fidelity.floor)
    one, two, three = fidelity.n_marginals
    table = (
        '<table class="narrow"><thead><tr><th></th><th>1-way</th><th>2-way</th><th>3-way</th><th>rows</th>'
        f"</tr></thead><tbody>{row('Synthetic', fidelity.synthetic)}{floor}</tbody></table>"
        f'<p class="note">Mean over {one:,} columns, {two:,} pairs, {three:,} triples; against '
        f"{evaluation.real.n_rows:,} real rows. 0 is identical, 1 disjoint.</p>"
    )
    pairs = charts.heat_map("Distances of pairs", fidelity.columns, fidelity.by_pair, charts.distance_color)
    pairs = (
        f"<figure><figcaption>Pairs of columns, 2-way distance</figcaption>{pairs}</figure>" if two else ""
    )
    return section(
        "Distances", f'<div class="halves"><div>{table}{_farthest(fidelity)}</div><div>{pairs}</div></div>'
    )


def classifiers(evaluation: Evaluation) -> str:
    """What tells the tables apart, and what a model learns from either."""
    discriminator, utility = evaluation.discriminator, evaluation.utility
    tells = "".join(
        f"<tr><th>{escape(name)}</th><td>{lost:.3f}</td></tr>"
        for name, lost in discriminator.tells[:_N_TELLS]
    )
    tells = (
        f'<table class="narrow"><thead><tr><th>what gives it away</th><th>AUC lost</th></tr></thead>'
        f"<tbody>{tells}</tbody></table>"
        if discriminator.auc is not None and discriminator.auc > 0.55 and tells
        else ""
    )
    told = (
        f"<p>A classifier that sees {discriminator.n_rows:,} rows of each table tells them apart with an AUC "
        f"of <b>{format_score(discriminator.auc)}</b> on rows it was not trained on. "
        f"{escape(discriminator.note)}</p>"
        if discriminator.auc is not None
        else f"<p>Not measured: {escape(discriminator.note)}.</p>"
    )
    used = (
        f"<p>Predicting <i>{escape(utility.target or '')}</i> ({escape(utility.task)}) with "
        f"{utility.n_train:,} rows to train on and {utility.n_test:,} real rows to test.</p>"
        + _two_bars(utility.auc_synthetic, utility.auc_real)
        + f'<p class="note">Test rows: {escape(utility.test_rows)}. {escape(utility.note)}</p>'
        if utility.auc_real is not None
        else f"<p>Not measured: {escape(utility.note)}.</p>"
    )
    return section(
        "Classifiers",
        f'<div class="halves"><div><h3>Real or synthetic?</h3>{told}{tells}</div>'
        f"<div><h3>Train on synthetic, test on real</h3>{used}</div></div>"
        f'<p class="note">Both: {escape(discriminator.model)}, seeds fixed.</p>',
    )


def statistics(evaluation: Evaluation) -> str:
    """Means and standard deviations as a table and on a logarithmic diagonal; empty without numbers."""
    numbers = [column for column in evaluation.columns if isinstance(column, NumberComparison)]
    if not numbers:
        return ""
    rows = "".join(
        f"<tr><th>{escape(column.name)}</th><td>{column.kind}</td>"
        f"<td>{format_value(column.real.mean, column.kind)}</td>"
        f"<td>{format_value(column.synthetic.mean, column.kind)}</td>"
        f"<td>{_spread(column.real, column.kind)}</td><td>{_spread(column.synthetic, column.kind)}</td>"
        f"<td>{column.real.null_share:.2%}</td><td>{column.synthetic.null_share:.2%}</td></tr>"
        for column in numbers
    )
    table = (
        '<div class="wide"><table><thead><tr><th></th><th></th><th colspan="2">mean</th>'
        '<th colspan="2">standard deviation</th><th colspan="2">nulls</th></tr>'
        "<tr><th>column</th><th>kind</th>"
        + '<th class="real">real</th><th class="synthetic">synthetic</th>' * 3
        + f"</tr></thead><tbody>{rows}</tbody></table></div>"
    )
    plain = [column for column in numbers if column.kind in (Kind.INTEGER, Kind.REAL)]
    means = [(c.name, c.real.mean, c.synthetic.mean) for c in plain if c.real.mean and c.synthetic.mean]
    stds = [(c.name, c.real.std, c.synthetic.std) for c in plain if c.real.std and c.synthetic.std]
    plots = "".join(
        f"<figure><figcaption>log<sub>10</sub> of {what}</figcaption>{charts.log_diagonal(what, points)}"
        "</figure>"
        for what, points in (("|mean|", means), ("standard deviation", stds))
        if points
    )
    shown = (
        f'<div class="halves">{plots}</div><p class="note">On the diagonal both tables agree.</p>'
        if plots
        else ""
    )
    return section("Means and deviations", table + shown)


def distributions(evaluation: Evaluation) -> str:
    """A small drawing of each column; empty without columns."""
    by_column = (
        dict(zip(evaluation.fidelity.columns, evaluation.fidelity.by_column, strict=True))
        if evaluation.fidelity
        else {}
    )
    numbers = "".join(
        _panel(
            column.name,
            f"TVD {format_score(by_column.get(column.name))}",
            charts.histogram(column),
            _beyond(column),
        )
        for column in evaluation.columns
        if isinstance(column, NumberComparison)
    )
    categories = "".join(
        _panel(
            column.name, f"TVD {format_score(by_column.get(column.name))}", charts.category_bars(column), ""
        )
        for column in evaluation.columns
        if isinstance(column, CategoryComparison)
    )
    body = _legend()
    body += f'<div class="panels">{numbers}</div>' if numbers else ""
    body += f'<div class="masonry">{categories}</div>' if categories else ""
    note = (
        "Numbers: the middle 99% of the synthetic values. Categories: labels that occur in the synthetic "
        "table, by share of all rows; the figure beside a bar is the synthetic share."
    )
    return section("Distributions", f'{body}<p class="note">{note}</p>') if numbers or categories else ""


def cumulative(evaluation: Evaluation) -> str:
    """The cumulative curves of each column of numbers; empty without any."""
    panels = "".join(
        _panel(column.name, f"largest gap {format_score(column.largest_gap)}", charts.cumulative(column), "")
        for column in evaluation.columns
        if isinstance(column, NumberComparison)
    )
    return section("Cumulative sums", f'{_legend()}<div class="panels">{panels}</div>') if panels else ""


def associations(fidelity: Fidelity) -> str:
    """How pairs of columns hang together in both tables, and the difference; empty without pairs."""
    if len(fidelity.columns) < 2:
        return ""
    difference = tuple(
        tuple(
            None if real is None or synthetic is None else synthetic - real
            for real, synthetic in zip(real_row, synthetic_row, strict=True)
        )
        for real_row, synthetic_row in zip(
            fidelity.association_real, fidelity.association_synthetic, strict=True
        )
    )
    maps = (
        ('<span class="real">Real</span>', fidelity.association_real, charts.strength_color),
        ('<span class="synthetic">Synthetic</span>', fidelity.association_synthetic, charts.strength_color),
        ("Synthetic minus real", difference, charts.difference_color),
    )
    figures = "".join(
        f"<figure><figcaption>{name}</figcaption>"
        f"{charts.heat_map('Associations', fidelity.columns, matrix, color)}</figure>"
        for name, matrix, color in maps
    )
    note = (
        "Cramér's V of each pair on the binned columns, corrected for chance: 0 unrelated, 1 one decides the "
        "other. In the difference, vermilion pairs are stronger in the synthetic table, blue ones in the "
        "real one. Grey: no answer."
    )
    return section("Associations", f'<div class="thirds">{figures}</div><p class="note">{note}</p>')


def _farthest(fidelity: Fidelity) -> str:
    floors = fidelity.floor_by_column or (None,) * len(fidelity.columns)
    ranked = sorted(zip(fidelity.columns, fidelity.by_column, floors, strict=True), key=lambda row: -row[1])
    longest = max(ranked[0][1], max(floor or 0.0 for floor in floors), 1e-9)
    rows = []
    for name, distance, floor in ranked[:_N_WORST]:
        mark = "" if floor is None else f'<i style="left:{100 * floor / longest:.2f}%"></i>'
        rows.append(
            f'<div class="stage distance"><span title="{escape(name)}">{escape(name)}</span>'
            f'<div class="track">{mark}<b style="width:{100 * distance / longest:.2f}%"></b></div>'
            f"<em>{format_score(distance)}</em></div>"
        )
    legend = "" if fidelity.floor is None else "; the mark is the holdout's"
    return (
        f'<h3>Farthest columns</h3><div class="stages">{"".join(rows)}</div>'
        f'<p class="note">1-way distance{legend}.</p>'
    )


def _two_bars(synthetic: float | None, real: float | None) -> str:
    rows = (("trained on real", real, "real"), ("trained on synthetic", synthetic, "synthetic"))
    return '<div class="stages">' + "".join(
        f'<div class="stage {style}"><span>{name}</span><div class="track"><b style="width:'
        f'{100 * max(0.0, ((value or 0.5) - 0.5) / 0.5):.1f}%"></b></div><em>{format_score(value)}</em></div>'
        for name, value, style in rows
    ) + '</div><p class="note">AUC; bars run from .5 (guessing) to 1.</p>'  # fmt: skip


def _beyond(column: NumberComparison) -> str:
    shares = (
        ("outside", column.real_beyond, column.synthetic_beyond),
        ("null", column.real.null_share, column.synthetic.null_share),
    )
    return "; ".join(
        f"{what}: real {real:.1%}, synthetic {synthetic:.1%}"
        for what, real, synthetic in shares
        if max(real, synthetic) >= 0.0005
    )


def _spread(moments: Moments, kind: Kind) -> str:
    match kind:
        case Kind.DATE if moments.std is not None:
            return f"{format_number(moments.std)} days"
        case Kind.TIMESTAMP if moments.std is not None:
            return f"{format_number(moments.std / _SECONDS_A_DAY)} days"
        case _:
            return format_number(moments.std)


def _panel(name: str, aside: str, drawing: str, foot: str) -> str:
    small = f'<p class="foot">{foot}</p>' if foot else ""
    return (
        f'<figure class="panel"><figcaption>{escape(name)}<em>{aside}</em></figcaption>'
        f"{drawing}{small}</figure>"
    )


def _legend() -> str:
    return (
        '<p class="legend"><span class="key real"></span>real<span class="key synthetic"></span>synthetic</p>'
    )
