"""A model's ties as a drawing: columns around the best tied one, each beside those it hangs on."""

import math
from dataclasses import dataclass
from html import escape

from synth.core.tie import Tie, strongest_tree
from synth.evaluate.charts import ACCENT, NEUTRAL

_RING = 118.0
_FLAT = 0.62
"""Height over width: pages are wider than high."""
_MARGIN = 70.0
_SHOWN = 12
_LEAST_BITS = 0.005
"""Ties weaker than this are not drawn unless they are of the tree."""


@dataclass(frozen=True)
class _Place:
    angle: float
    depth: int

    @property
    def x(self) -> float:
        return _RING * self.depth * math.cos(self.angle)

    @property
    def y(self) -> float:
        return _FLAT * _RING * self.depth * math.sin(self.angle)


def draw_ties(ties: tuple[Tie, ...], attributes: str = "") -> str:
    """An SVG of all tied columns; text stays text. Empty without ties."""
    if not ties:
        return ""
    tree = strongest_tree(ties)
    places = _radial(tree)
    strongest = max(tie.strength for tie in ties) or 1.0
    others = [tie for tie in ties if tie not in tree and tie.strength >= _LEAST_BITS]
    lines = [_line(tie, places, strongest, NEUTRAL, 0.3) for tie in reversed(others)]
    lines += [_line(tie, places, strongest, ACCENT, 0.85) for tie in reversed(tree)]
    left, right = min(p.x for p in places.values()), max(p.x for p in places.values())
    top, bottom = min(p.y for p in places.values()), max(p.y for p in places.values())
    box = f"{left - _MARGIN:.0f} {top - 30:.0f} {right - left + 2 * _MARGIN:.0f} {bottom - top + 60:.0f}"
    nodes = "".join(_node(name, place) for name, place in places.items())
    return (
        f'<svg viewBox="{box}" role="img" aria-label="Ties between columns" {attributes}>'
        f"{''.join(lines)}{nodes}</svg>"
    )


def ties_picture(ties: tuple[Tie, ...]) -> str:
    """The drawing as a file of its own."""
    look = "font-family='DejaVu Sans, sans-serif' font-size='12' font-weight='600' fill='#1f2430'"
    inner = draw_ties(ties, f"xmlns='http://www.w3.org/2000/svg' width='900' {look}")
    return inner or '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'


def strongest_table(ties: tuple[Tie, ...]) -> str:
    """The strongest ties as an HTML table."""
    ranked = sorted(ties, key=lambda t: (-t.strength, t.first, t.second))[:_SHOWN]
    rows = "".join(
        f"<tr><th>{escape(tie.first)} &ndash; {escape(tie.second)}</th><td>{tie.strength:.3f}</td></tr>"
        for tie in ranked
    )
    return f"<table><thead><tr><th>columns</th><th>bits</th></tr></thead><tbody>{rows}</tbody></table>"


def _radial(tree: tuple[Tie, ...]) -> dict[str, _Place]:
    """Every column's place: the middle of the tree in the middle, each branch in a sector of its own."""
    near: dict[str, dict[str, float]] = {}
    for tie in tree:
        near.setdefault(tie.first, {})[tie.second] = tie.strength
        near.setdefault(tie.second, {})[tie.first] = tie.strength
    roots: list[str] = []
    seen: set[str] = set()
    while len(seen) < len(near):
        parts = [name for name in near if name not in seen]
        group = _reachable(parts[0], near)
        roots.append(min(group, key=lambda name: (_height(name, "", near), -len(near[name]), name)))
        seen |= group
    places: dict[str, _Place] = {}
    if len(roots) == 1:
        _place(roots[0], "", near, 0.0, 2 * math.pi, 0, places)
        return places
    total = sum(_leaves(root, "", near) for root in roots)
    angle = 0.0
    for root in roots:
        width = 2 * math.pi * _leaves(root, "", near) / total
        _place(root, "", near, angle, angle + width, 1, places)
        angle += width
    return places


def _place(
    name: str,
    above: str,
    near: dict[str, dict[str, float]],
    start: float,
    end: float,
    depth: int,
    places: dict[str, _Place],
) -> None:
    places[name] = _Place((start + end) / 2, depth)
    below = sorted((n for n in near[name] if n != above), key=lambda n: (-near[name][n], n))
    total = sum(_leaves(child, name, near) for child in below)
    angle = start
    for child in below:
        width = (end - start) * _leaves(child, name, near) / total
        _place(child, name, near, angle, angle + width, depth + 1, places)
        angle += width


def _reachable(name: str, near: dict[str, dict[str, float]]) -> set[str]:
    found, waiting = {name}, [name]
    while waiting:
        new = set(near[waiting.pop()]) - found
        found |= new
        waiting += sorted(new)
    return found


def _height(name: str, above: str, near: dict[str, dict[str, float]]) -> int:
    return 1 + max((_height(n, name, near) for n in near[name] if n != above), default=0)


def _leaves(name: str, above: str, near: dict[str, dict[str, float]]) -> int:
    below = [n for n in near[name] if n != above]
    return sum(_leaves(child, name, near) for child in below) if below else 1


def _line(tie: Tie, places: dict[str, _Place], strongest: float, color: str, opacity: float) -> str:
    first, second = places[tie.first], places[tie.second]
    width = 1.0 + 9.0 * math.sqrt(tie.strength / strongest) * (opacity > 0.5)
    told = f"{escape(tie.first)} and {escape(tie.second)}: {tie.strength:.3f} bits"
    return (
        f'<line x1="{first.x:.1f}" y1="{first.y:.1f}" x2="{second.x:.1f}" y2="{second.y:.1f}" '
        f'stroke="{color}" stroke-opacity="{opacity}" stroke-width="{width:.1f}" stroke-linecap="round">'
        f"<title>{told}</title></line>"
    )


def _node(name: str, place: _Place) -> str:
    shown = name if len(name) <= 18 else name[:17] + "…"
    width = 7.4 * len(shown) + 14
    return (
        f'<g><title>{escape(name)}</title><rect x="{place.x - width / 2:.1f}" y="{place.y - 11:.1f}" '
        f'width="{width:.1f}" height="22" rx="11" fill="#fff" stroke="{ACCENT}" stroke-width="1.4"/>'
        f'<text x="{place.x:.1f}" y="{place.y + 4:.1f}" text-anchor="middle" class="column">'
        f"{escape(shown)}</text></g>"
    )
