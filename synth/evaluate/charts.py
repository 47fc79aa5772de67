"""Small drawings as inline SVG: text stays text, and nothing is fetched from anywhere.

Blue is real, vermilion is synthetic (Okabe and Ito's palette, safe for colour-blind readers).
"""

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from html import escape

from synth.core.schema import Kind
from synth.evaluate.distributions import CategoryComparison, NumberComparison
from synth.evaluate.fidelity import PairMatrix

REAL = "#0072b2"
SYNTHETIC = "#d55e00"
NEUTRAL = "#6b7280"
ACCENT = "#4f46a5"
_SECONDS_A_DAY = 86_400
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_Color = tuple[float, float, float]
_PAPER: _Color = (247, 247, 245)
_BLUE: _Color = (0, 114, 178)
_VERMILION: _Color = (213, 94, 0)
_DEEP: _Color = (59, 47, 128)


def format_number(value: float | None) -> str:
    """A number as people read it in a table; `n/a` for None."""
    if value is None:
        return "n/a"
    if value == 0:
        return "0"
    size = abs(value)
    for least, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if 1e15 > size >= least:
            return f"{value / (1e3 if letter == 'k' else least):.4g}{letter}"
    return f"{value:.4g}"


def format_value(value: float | None, kind: Kind) -> str:
    """A value of that kind: dates and timestamps as days of the calendar."""
    if value is not None and kind in (Kind.DATE, Kind.TIMESTAMP):
        days = value if kind is Kind.DATE else value / _SECONDS_A_DAY
        try:
            return (_EPOCH + timedelta(days=days)).strftime("%Y-%m-%d")
        except OverflowError:
            return format_number(value)
    return format_number(value)


def format_score(value: float | None) -> str:
    """A score in [0, 1] with enough digits to compare two; `n/a` for None."""
    if value is None:
        return "n/a"
    return f"{value:.4f}" if 0 < value < 0.1 else f"{value:.3f}"


def histogram(column: NumberComparison) -> str:
    """Shares over the synthetic range: real filled, synthetic as a line."""
    frame = _Frame(column.edges[0], column.edges[-1], max(*column.real_shares, *column.synthetic_shares))
    real, synthetic = (
        frame.steps(column.edges, shares) for shares in (column.real_shares, column.synthetic_shares)
    )
    return frame.svg(
        f"Histogram of {column.name}",
        f'<polygon points="{real}" fill="{REAL}" fill-opacity=".32"/>'
        f'<polyline points="{synthetic}" fill="none" stroke="{SYNTHETIC}" stroke-width="1.5"/>',
        column.kind,
    )


def cumulative(column: NumberComparison) -> str:
    """Cumulative shares of both tables, the gap between them shaded."""
    frame = _Frame(column.grid[0], column.grid[-1], 1.0)
    real, synthetic = (
        frame.line(column.grid, shares) for shares in (column.real_cumulative, column.synthetic_cumulative)
    )
    back = " ".join(reversed(synthetic.split(" ")))
    middle = frame.y(0.5)
    return frame.svg(
        f"Cumulative shares of {column.name}",
        f'<line x1="0" x2="{frame.width}" y1="{middle}" y2="{middle}" class="rule"/>'
        f'<polygon points="{real} {back}" fill="{NEUTRAL}" fill-opacity=".22"/>'
        f'<polyline points="{real}" fill="none" stroke="{REAL}" stroke-width="1.8"/>'
        f'<polyline points="{synthetic}" fill="none" stroke="{SYNTHETIC}" stroke-width="1.5"'
        ' stroke-dasharray="4 2"/>',
        column.kind,
    )


def category_bars(column: CategoryComparison) -> str:
    """A pair of bars for each label that occurs in the synthetic table, the rest, and null."""
    rows = [
        ("all others" if label is None else label, real, synthetic, label is None)
        for label, real, synthetic in zip(
            column.labels, column.real_shares, column.synthetic_shares, strict=True
        )
        if label is not None or real > 0 or synthetic > 0
    ]
    if column.real_null_share > 0 or column.synthetic_null_share > 0:
        rows.append(("null", column.real_null_share, column.synthetic_null_share, True))
    longest = max([1e-9, *(max(real, synthetic) for _, real, synthetic, _ in rows)])
    parts, step = [], 19
    for place, (label, real, synthetic, is_special) in enumerate(rows):
        y = 4 + place * step
        style = ' class="special"' if is_special else ""
        parts.append(
            f"<g><title>{escape(label)}: real {real:.2%}, synthetic {synthetic:.2%}</title>"
            f'<text x="98" y="{y + 10.5}" text-anchor="end"{style}>{escape(_shorten(label, 17))}</text>'
            f'<rect x="104" y="{y}" width="{_px(104 * real / longest)}" height="6.5" fill="{REAL}"/>'
            f'<rect x="104" y="{y + 7}" width="{_px(104 * synthetic / longest)}" height="6.5"'
            f' fill="{SYNTHETIC}"/>'
            f'<text x="{_px(108 + 104 * max(real, synthetic) / longest)}" y="{y + 10.5}" class="muted">'
            f"{synthetic:.1%}</text></g>"
        )
    return _svg(250, 4 + step * len(rows), f"Shares of {column.name}", "".join(parts))


def log_diagonal(title: str, points: Sequence[tuple[str, float, float]]) -> str:
    """log10 of |real| across, of |synthetic| upwards; on the diagonal they agree.

    Args:
      points: (name, real, synthetic); those that are 0 in a table have no logarithm and are left out.
    """
    logs = [
        (name, math.log10(abs(real)), math.log10(abs(synthetic)))
        for name, real, synthetic in points
        if real != 0 and synthetic != 0
    ]
    if not logs:
        return ""
    values = [value for _, real, synthetic in logs for value in (real, synthetic)]
    low, high = math.floor(min(values) - 0.15), math.ceil(max(values) + 0.15)
    size, left = 300, 34

    def place(value: float) -> float:
        return (value - low) / (high - low) * size

    parts = [f'<rect x="{left}" y="4" width="{size}" height="{size}" class="plot"/>']
    every = max(1, math.ceil((high - low) / 8))
    for tick in range(low, high + 1, every):
        x, y = left + place(tick), 4 + size - place(tick)
        parts.append(
            f'<line x1="{_px(x)}" x2="{_px(x)}" y1="4" y2="{4 + size}" class="rule"/>'
            f'<line x1="{left}" x2="{left + size}" y1="{_px(y)}" y2="{_px(y)}" class="rule"/>'
            f'<text x="{_px(x)}" y="{size + 19}" text-anchor="middle">{tick}</text>'
            f'<text x="{left - 6}" y="{_px(y + 3.5)}" text-anchor="end">{tick}</text>'
        )
    parts.append(
        f'<line x1="{left}" y1="{4 + size}" x2="{left + size}" y2="4" stroke="{NEUTRAL}"'
        ' stroke-dasharray="3 3"/>'
        f'<text x="{left + size / 2}" y="{size + 35}" text-anchor="middle" class="real">real</text>'
        f'<text transform="translate(10 {4 + size / 2}) rotate(-90)" text-anchor="middle"'
        f' class="synthetic">synthetic</text>'
    )
    for name, real, synthetic in logs:
        x, y = left + place(real), 4 + size - place(synthetic)
        parts.append(
            f"<g><title>{escape(name)}: log10 real {real:.3f}, synthetic {synthetic:.3f}</title>"
            f'<circle cx="{_px(x)}" cy="{_px(y)}" r="4.5" fill="{ACCENT}" fill-opacity=".85"/></g>'
        )
    parts += _names_beside(
        [(name, left + place(real), 4 + size - place(synthetic)) for name, real, synthetic in logs],
        left + size / 2,
    )
    return _svg(left + size + 6, size + 42, title, "".join(parts))


def heat_map(
    title: str, names: Sequence[str], matrix: PairMatrix, color: Callable[[float], str], labels: bool = True
) -> str:
    """A square for each pair of columns, named along the left and the top where there is room."""
    side = max(5.0, min(22.0, 330 / len(names)))
    named = labels and side >= 8
    left, top = (92, 76) if named else (4, 4)
    parts = []
    for row, name in enumerate(names):
        if named:
            text = escape(_shorten(name, 16))
            y, x = top + (row + 0.5) * side, left + (row + 0.5) * side
            parts.append(
                f'<text x="{left - 5}" y="{_px(y + 3.5)}" text-anchor="end">{text}</text>'
                f'<text transform="translate({_px(x + 3)} {top - 5}) rotate(-55)">{text}</text>'
            )
        for column, other in enumerate(names):
            value = matrix[row][column]
            shown = "no answer" if value is None else f"{value:+.3f}" if value < 0 else f"{value:.3f}"
            parts.append(
                f'<rect x="{_px(left + column * side)}" y="{_px(top + row * side)}" width="{_px(side - 1)}"'
                f' height="{_px(side - 1)}" fill="{"#e3e3df" if value is None else color(value)}">'
                f"<title>{escape(name)}, {escape(other)}: {shown}</title></rect>"
            )
    extent = len(names) * side
    return _svg(left + extent + (44 if named else 4), top + extent + 4, title, "".join(parts))


def strength_color(value: float) -> str:
    """Paper to deep violet for 0 .. 1."""
    return _blend(_PAPER, _DEEP, math.sqrt(max(0.0, value)))


def distance_color(value: float) -> str:
    """Paper to vermilion for distances 0 .. 0.3, where most lie."""
    return _blend(_PAPER, _VERMILION, min(1.0, value / 0.3))


def difference_color(value: float) -> str:
    """Blue where the real table's pair is stronger (below 0), vermilion where the synthetic one's is."""
    return _blend(_PAPER, _VERMILION if value > 0 else _BLUE, min(1.0, abs(value) / 0.3))


class _Frame:
    """A small plot with its x axis: data coordinates to pixels."""

    width, height = 250, 118

    def __init__(self, low: float, high: float, top: float) -> None:
        self._low, self._span, self._top = low, (high - low) or 1.0, top or 1.0

    def x(self, value: float) -> float:
        return (value - self._low) / self._span * self.width

    def y(self, share: float) -> float:
        return 6 + (1 - share / self._top) * (self.height - 26)

    def line(self, xs: Sequence[float], shares: Sequence[float]) -> str:
        return " ".join(f"{_px(self.x(x))},{_px(self.y(share))}" for x, share in zip(xs, shares, strict=True))

    def steps(self, edges: Sequence[float], shares: Sequence[float]) -> str:
        points = [(edges[0], 0.0)]
        for low, high, share in zip(edges[:-1], edges[1:], shares, strict=True):
            points += [(low, share), (high, share)]
        points.append((edges[-1], 0.0))
        return self.line([x for x, _ in points], [share for _, share in points])

    def svg(self, title: str, body: str, kind: Kind) -> str:
        base = self.height - 20
        whole = kind is not Kind.REAL and self._span >= 2
        ticks = []
        for share, anchor in ((0.0, "start"), (0.5, "middle"), (1.0, "end")):
            value = self._low + share * self._span
            if whole:  # bars of whole numbers reach half a unit beyond them
                value = math.ceil(value) if share == 0 else math.floor(value)
            text = escape(format_value(value, kind))
            ticks.append(
                f'<text x="{share * self.width}" y="{base + 14}" text-anchor="{anchor}">{text}</text>'
            )
        axis = f'<line x1="0" x2="{self.width}" y1="{base}" y2="{base}" class="axis"/>'
        return _svg(self.width, self.height, title, body + axis + "".join(ticks))


def _names_beside(points: list[tuple[str, float, float]], middle: float) -> list[str]:
    """Names beside their points, moved down where two would lie on each other."""
    parts: list[str] = []
    taken: list[tuple[float, bool, float]] = []
    for name, x, y in sorted(points, key=lambda point: point[2]):
        is_left = x > middle
        while any(
            abs(y - other) < 11 and was_left == is_left and abs(x - at) < 120 for other, was_left, at in taken
        ):
            y += 3
        taken.append((y, is_left, x))
        anchor, shift = ("end", -8) if is_left else ("start", 8)
        parts.append(
            f'<text x="{_px(x + shift)}" y="{_px(y + 3.5)}" text-anchor="{anchor}" class="point">'
            f"{escape(_shorten(name, 20))}</text>"
        )
    return parts


def _svg(width: float, height: float, title: str, body: str) -> str:
    return (
        f'<svg viewBox="0 0 {_px(width)} {_px(height)}" style="max-width:{_px(width * 1.25)}px" role="img"'
        f' aria-label="{escape(title)}">{body}</svg>'
    )


def _blend(start: _Color, end: _Color, share: float) -> str:
    mixed = (round(low + (high - low) * min(1.0, share)) for low, high in zip(start, end, strict=True))
    return "#" + "".join(f"{part:02x}" for part in mixed)


def _px(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")


def _shorten(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
