"""A picture of an audit: where each check's figure lies beside what it may be."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_PASS, _FAIL, _RANGE = "#2a7f62", "#c44e52", "#cfe3d8"


def draw_audit(path: Path, *, title: str, checks: Sequence[Mapping[str, Any]]) -> None:
    """Write a PNG, a line a check.

    Args:
      checks: each with `name`, `figure`, `low`, `high` and `passes`.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 1.2 + 0.55 * len(checks)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for place, check in enumerate(checks):
        low, high, seen = check["low"], check["high"], check["figure"]
        # Each line has a scale of its own: what is allowed covers the middle half.
        at = min(max(0.25 + 0.5 * (seen - low) / (high - low), 0.0), 1.0)
        colour = _PASS if check["passes"] else _FAIL
        axes.barh(place, 0.5, left=0.25, height=0.55, color=_RANGE, zorder=1)
        axes.plot(at, place, marker="o" if check["passes"] else "X", color=colour, markersize=9, zorder=3)
        words = f"{seen:.4g}   (allowed {low:.4g} to {high:.4g})"
        axes.annotate(words, (1.02, place), va="center", fontsize=9, color=colour, annotation_clip=False)
    axes.set_yticks(range(len(checks)), [check["name"] for check in checks], fontsize=9, parse_math=False)
    axes.set_xticks([])
    axes.set_xlim(0, 1.65)
    axes.invert_yaxis()
    axes.set_title(title, fontsize=11, loc="left", parse_math=False)
    for side in ("top", "right", "bottom", "left"):
        axes.spines[side].set_visible(False)
    figure.savefig(path, dpi=120)
