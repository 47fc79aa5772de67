"""The drawing of a model's ties: every column once, the strongest tree in full, names escaped."""

import re
from xml.etree import ElementTree

from synth.core.tie import Tie, strongest_tree
from synth.evaluate.tree import draw_ties, strongest_table, ties_picture

TIES = (
    Tie(first="a", second="b", strength=0.9),
    Tie(first="b", second="c", strength=0.5),
    Tie(first="a", second="c", strength=0.4),
    Tie(first="x<y", second="z & co", strength=0.1),
    Tie(first="b", second="d", strength=0.0001),
    Tie(first="a", second="d", strength=0.00005),
)


def test_the_tree_holds_the_strongest_ties_without_a_circle() -> None:
    assert [tie.strength for tie in strongest_tree(TIES)] == [0.9, 0.5, 0.1, 0.0001]


def test_every_column_is_drawn_once_and_names_are_escaped() -> None:
    drawn = ElementTree.fromstring(ties_picture(TIES))
    texts = [e.text for e in drawn.iter() if e.tag.endswith("text")]
    assert sorted(texts) == ["a", "b", "c", "d", "x<y", "z & co"]
    assert "x<y" not in draw_ties(TIES)


def test_weak_ties_beside_the_tree_are_left_out() -> None:
    lines = [e for e in ElementTree.fromstring(ties_picture(TIES)).iter() if e.tag.endswith("line")]
    assert len(lines) == 5  # four of the tree, one beside it; 0.00005 bits are not worth a line


def test_no_two_columns_lie_on_each_other() -> None:
    many = tuple(Tie(first="hub", second=f"c{i}", strength=1.0 / (i + 1)) for i in range(30))
    places = re.findall(r'<text x="([-\d.]+)" y="([-\d.]+)"', draw_ties(many))
    assert len(set(places)) == 31


def test_without_ties_there_is_nothing_to_draw() -> None:
    assert draw_ties(()) == ""
    ElementTree.fromstring(ties_picture(()))


def test_the_table_is_ranked() -> None:
    table = strongest_table(TIES)
    assert table.index("0.900") < table.index("0.500") < table.index("0.400")
