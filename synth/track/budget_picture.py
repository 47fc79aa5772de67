"""A picture of a table's budget going down, line by line of its book: released values alone."""

from collections.abc import Sequence
from pathlib import Path

_COLOURS = ("#4c72b0", "#dd8452", "#55a868", "#c44e52", "#8172b3", "#937860")
_MOST_LINES = 40
"""A picture of more would be too wide to read, and in the end to draw."""


def draw_budget(
    path: Path, *, table: str, lines: Sequence[tuple[str, str, float]], budget: float, delta: float
) -> None:
    """Write a PNG: what is left of epsilon after each line of the book.

    Args:
      lines: (stage, when charged, epsilon spent after it), oldest first; the newest 40 are drawn.
      budget: epsilon of the configuration or the table's policy, whichever is less.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    drawn = lines[-_MOST_LINES:]
    skipped = len(lines) - len(drawn)
    figure = Figure(figsize=(max(6.0, 2.5 + 0.7 * len(drawn)), 4.0), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    stages = list(dict.fromkeys(stage for stage, _, _ in lines))
    before = lines[skipped - 1][2] if skipped else 0.0
    for place, (stage, _, after) in enumerate(drawn, start=1):
        colour = _COLOURS[stages.index(stage) % len(_COLOURS)]
        axes.bar(place, after - before, bottom=budget - after, color=colour, width=0.8, zorder=2)
        axes.bar(place, max(budget - after, 0.0), color="#d9d9d9", width=0.8, zorder=2)
        left = max(budget - after, 0.0)
        inside = left > 0.1 * budget
        axes.annotate(
            f"{left:.3g} left" if left > 1e-3 * budget else "none left",
            (place, left if inside else 0.0),
            ha="center", va="top" if inside else "bottom", fontsize=8, zorder=3,
            color="black" if inside else "white",
        )  # fmt: skip
        before = after
    axes.axhline(budget, color="black", linewidth=1, linestyle="--", zorder=1)
    axes.set_xticks(
        range(1, len(drawn) + 1), [f"{s}\n{when[:10]}" for s, when, _ in drawn], fontsize=8, parse_math=False
    )
    axes.set_ylabel(f"epsilon at delta {delta:g}")
    axes.set_ylim(0, budget * 1.08)
    shown = f"; newest {len(drawn)} of {len(lines)} charges" if skipped else ""
    spent = f"Privacy budget of {table}: {before:.3g} of {budget:.3g} spent{shown}"
    axes.set_title(spent, parse_math=False)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.savefig(path, dpi=120)
