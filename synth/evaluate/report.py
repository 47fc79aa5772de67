"""The report: `report.json` for machines, `report.html` for people, both marked internal."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from synth.core.tie import Tie
from synth.core.usability import Usability
from synth.evaluate.distributions import ColumnComparison, NumberComparison
from synth.evaluate.evaluation import Evaluation, PrivacyStatement
from synth.evaluate.page import render_page
from synth.lake.artifacts import write_json

INTERNAL = "internal (not DP)"
_INTERNAL_PARTS = ("rows.real", "rows.holdout", "fidelity", "columns", "discriminator", "utility")
_RELEASED_PARTS = ("privacy", "usability", "ties", "made_up", "rows.synthetic")


def write_report(
    folder: Path,
    evaluation: Evaluation,
    privacy: PrivacyStatement,
    title: str,
    ties: tuple[Tie, ...] = (),
    usability: Usability | None = None,
) -> None:
    """Write `report.json` and a self-contained `report.html` into the folder, made if missing.

    Guarantee: none. The scores compare with real rows exactly and are marked internal (not DP); cell
    values appear only as labels and ranges of the synthetic table.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "report.json", report_content(evaluation, privacy, title, ties, usability))
    page = render_page(evaluation, privacy, title, ties, usability)
    (folder / "report.html").write_text(page, encoding="utf-8")


def report_content(
    evaluation: Evaluation,
    privacy: PrivacyStatement,
    title: str,
    ties: tuple[Tie, ...] = (),
    usability: Usability | None = None,
) -> dict[str, Any]:
    """What `report.json` holds: plain values, None for what could not be measured."""
    fidelity = evaluation.fidelity
    return {
        "title": title,
        "table": evaluation.table,
        "marking": INTERNAL,
        "internal_parts": list(_INTERNAL_PARTS),
        "released_parts": list(_RELEASED_PARTS),
        "privacy": {**asdict(privacy), "by_stage": dict(privacy.by_stage), "statement": privacy.statement},
        "rows": {
            "real": asdict(evaluation.real),
            "synthetic": asdict(evaluation.synthetic),
            "holdout": None if evaluation.holdout is None else asdict(evaluation.holdout),
        },
        "usability": None if usability is None else usability.to_dict(),
        "ties": [asdict(tie) for tie in ties],
        "made_up": list(evaluation.made_up),
        "fidelity": _fidelity(evaluation),
        "discriminator_auc": evaluation.discriminator.auc,
        "discriminator": {**asdict(evaluation.discriminator), "tells": dict(evaluation.discriminator.tells)},
        "utility": asdict(evaluation.utility),
        "columns": {
            column.name: _column(column, None if fidelity is None else fidelity.by_column[place])
            for place, column in enumerate(evaluation.columns)
        },
    }


def _fidelity(evaluation: Evaluation) -> Mapping[str, Any]:
    fidelity = evaluation.fidelity
    if fidelity is None:
        return {"tvd_1way": None, "tvd_2way": None, "tvd_3way": None, "floor": None}
    return {
        "tvd_1way": fidelity.synthetic.tvd_1way,
        "tvd_2way": fidelity.synthetic.tvd_2way,
        "tvd_3way": fidelity.synthetic.tvd_3way,
        "floor": None if fidelity.floor is None else asdict(fidelity.floor),
        "n_marginals": list(fidelity.n_marginals),
        "columns": list(fidelity.columns),
        "tvd_by_pair": fidelity.by_pair,
        "association_real": fidelity.association_real,
        "association_synthetic": fidelity.association_synthetic,
    }


def _column(column: ColumnComparison, distance: float | None) -> dict[str, Any]:
    content: dict[str, Any] = {"kind": column.kind.value, "tvd": distance}
    if isinstance(column, NumberComparison):
        return {
            **content,
            "real": asdict(column.real),
            "synthetic": asdict(column.synthetic),
            "largest_cumulative_gap": column.largest_gap,
        }
    return {
        **content,
        "real": {"null_share": column.real_null_share},
        "synthetic": {"null_share": column.synthetic_null_share},
    }
