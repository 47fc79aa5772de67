"""The report as one HTML page: style and drawings inline, no script, nothing fetched."""

from html import escape

from synth.core.tie import Tie
from synth.core.usability import Usability
from synth.evaluate.charts import format_score
from synth.evaluate.evaluation import Evaluation, PrivacyStatement, TableSize
from synth.evaluate.sections import (
    associations,
    classifiers,
    cumulative,
    distances,
    distributions,
    section,
    statistics,
)
from synth.evaluate.style import STYLE
from synth.evaluate.tree import draw_ties, strongest_table


def render_page(
    evaluation: Evaluation,
    privacy: PrivacyStatement,
    title: str,
    ties: tuple[Tie, ...] = (),
    usability: Usability | None = None,
) -> str:
    """The whole page as HTML; every name and label is escaped.

    Args:
      usability: the verdict by released figures; None leaves it out.
      ties: of the released model, if it is one that ties pairs of columns.
    """
    fidelity = evaluation.fidelity
    sections = [
        _privacy(privacy),
        _usability(usability),
        _ties(ties),
        "" if fidelity is None else distances(evaluation, fidelity),
        classifiers(evaluation),
        statistics(evaluation),
        distributions(evaluation),
        cumulative(evaluation),
        "" if fidelity is None else associations(fidelity),
        _method(evaluation),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>"
        '<div class="marking"><b>internal (not DP)</b> Scores against real rows are exact. Do not pass this '
        "page to people who may not see the real table; only the privacy section may leave.</div>"
        f"<main><header><h1>{escape(title)}</h1><p>{_sizes(evaluation)}</p></header>"
        f"{_headline(evaluation, privacy)}{''.join(sections)}</main></body></html>\n"
    )


def _headline(evaluation: Evaluation, privacy: PrivacyStatement) -> str:
    synthetic = None if evaluation.fidelity is None else evaluation.fidelity.synthetic
    floor = None if evaluation.fidelity is None else evaluation.fidelity.floor
    chance = "" if floor is None else f" By chance alone: <b>{format_score(floor.tvd_1way)}</b>."
    discriminator, utility = evaluation.discriminator, evaluation.utility
    against = (
        escape(utility.note)
        if utility.auc_real is None
        else f"against <b>{format_score(utility.auc_real)}</b> when trained on real rows. AUC on real rows, "
        f"target <i>{escape(utility.target or '')}</i>."
    )
    if privacy.epsilon_total is None or not privacy.is_private:
        spent, words, style = (
            "none",
            "Made <b>WITHOUT</b> privacy. Handle this table like its source.",
            " alarm",
        )
    else:
        budget = "no limit set" if privacy.epsilon_budget is None else f"of {privacy.epsilon_budget:.4g}"
        spent, style = f"{privacy.epsilon_total:.3g}<small> {budget}</small>", ""
        delta = "" if privacy.delta is None else f"δ = {privacy.delta:.3g}, "
        words = f"{delta}all stages composed. Unit: one {escape(privacy.unit)}."
    cards = (
        ("1-way distance", format_score(None if synthetic is None else synthetic.tvd_1way),
         f"Mean 1-way total variation; 0 is identical.{chance}", ""),
        ("Discriminator AUC", format_score(discriminator.auc),
         escape(discriminator.note) or "Telling real from synthetic rows; .5 means it cannot be done.", ""),
        ("Train on synthetic", format_score(utility.auc_synthetic), against, ""),
        ("Epsilon spent", spent, words, f" spend{style}"),
    )  # fmt: skip
    return (
        '<div class="cards">'
        + "".join(
            f'<div class="card{style}"><h3>{name}</h3><div class="figure">{value}</div><p>{words}</p></div>'
            for name, value, words, style in cards
        )
        + "</div>"
    )


def _privacy(privacy: PrivacyStatement) -> str:
    body = f'<p class="lead">{escape(privacy.statement)}</p>'
    if privacy.is_private and privacy.epsilon_total is not None:
        stages = list(privacy.by_stage.items())
        longest = max(privacy.epsilon_budget or 0.0, privacy.epsilon_total, *privacy.by_stage.values(), 1e-12)
        rows = [*stages, ("composed total", privacy.epsilon_total)]
        bars = []
        for place, (name, epsilon) in enumerate(rows):
            total = " total" if place == len(stages) else ""
            limit = (
                f'<i style="left:{100 * privacy.epsilon_budget / longest:.2f}%"></i>'
                if privacy.epsilon_budget
                else ""
            )
            bars.append(
                f'<div class="stage{total}"><span>{escape(name)}</span><div class="track">{limit}'
                f'<b style="width:{100 * epsilon / longest:.2f}%"></b></div><em>{epsilon:.4g}</em></div>'
            )
        limit_words = "; the mark is the budget" if privacy.epsilon_budget else ""
        body += (
            f'<div class="stages">{"".join(bars)}</div><p class="note">By how much each stage raised epsilon'
            f"{limit_words}. Ledger of <i>{escape(privacy.table)}</i>.</p>"
        )
    return section("Privacy", body, internal=False)


def _usability(usability: Usability | None) -> str:
    if usability is None:
        return ""
    listed = [*usability.faults, *usability.notes]
    body = (
        "<p><b>Usable</b>, as far as released figures tell.</p>"
        if usability.is_usable
        else ("<p><b>NOT USABLE</b>, by released figures alone:</p>")
    )
    body += f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in listed)}</ul>" if listed else ""
    return section("Is it usable?", body, internal=False)


def _ties(ties: tuple[Tie, ...]) -> str:
    if not ties:
        return ""
    note = (
        "Computed from the released model alone: mutual information of two columns, in bits. Thick lines are "
        "the strongest tree; thin ones are the other pairs that were measured."
    )
    body = (
        f'<div class="ties">{draw_ties(ties)}<div><h3>Strongest ties</h3>{strongest_table(ties)}</div></div>'
        f'<p class="note">{note}</p>'
    )
    return section("Which columns the model ties", body, internal=False)


def _method(evaluation: Evaluation) -> str:
    made_up = ", ".join(escape(name) for name in evaluation.made_up) or "none"
    return section(
        "How to read this report",
        "<ul><li><b>Internal (not DP):</b> real and holdout row counts, distances, classifiers, means and "
        "deviations, distributions, cumulative sums and associations are computed exactly from real rows. "
        "No noise was added and nothing was charged to the ledger for them.</li>"
        "<li><b>May leave:</b> the privacy section, the model's ties, the synthetic row count and the list "
        "of made-up columns.</li>"
        f"<li><b>Made up, so not compared:</b> {made_up}.</li>"
        "<li><b>Counts:</b> all rows of each table, numbers in 10 bins of equal share of the real sample "
        "(frequent values apart), categories as the 20 most frequent and the rest, null apart.</li>"
        "<li><b>Samples:</b> classifiers, means, deviations, histograms and cumulative sums use "
        f"{_sampled(evaluation)} rows. The holdout's distances are the floor at its own number of rows.</li>"
        "<li><b>Values:</b> labels and axis ranges come from the synthetic table alone.</li></ul>",
        internal=False,
    )


def _sizes(evaluation: Evaluation) -> str:
    holdout = "" if evaluation.holdout is None else f", {evaluation.holdout.n_rows:,} held out"
    n_compared = len(evaluation.columns)
    return (
        f"Table <i>{escape(evaluation.table)}</i>: <b>{evaluation.synthetic.n_rows:,}</b> synthetic rows "
        f"against <b>{evaluation.real.n_rows:,}</b> real ones{holdout}; {n_compared} columns compared, "
        f"{len(evaluation.made_up)} made up."
    )


def _sampled(evaluation: Evaluation) -> str:
    tables: tuple[tuple[str, TableSize | None], ...] = (
        ("real", evaluation.real),
        ("synthetic", evaluation.synthetic),
        ("holdout", evaluation.holdout),
    )
    return ", ".join(f"{size.n_sampled:,} {name}" for name, size in tables if size is not None)
