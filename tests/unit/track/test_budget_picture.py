"""The picture of the budget, drawn from the lines of the book."""

from pathlib import Path

from matplotlib.image import imread

from synth.track.budget_picture import draw_budget


def width(folder: Path, n_lines: int) -> int:
    lines = [("scan", "2026-11-25T08:00:00+00:00", 0.001 * (k + 1)) for k in range(n_lines)]
    draw_budget(folder / "budget.png", table="t", lines=lines, budget=4.0, delta=1e-6)
    return int(imread(folder / "budget.png").shape[1])


def test_a_book_of_years_is_drawn_as_wide_as_its_newest_lines(tmp_path: Path) -> None:
    assert width(tmp_path, 2) < width(tmp_path, 40) == width(tmp_path, 2000) < 4000


def test_a_table_of_any_name_has_its_picture(tmp_path: Path) -> None:
    """Drawn after the charge: a name that reads like a formula must not end the stage."""
    for number, table in enumerate(("$\\frac{$", "a_$b", "$x^$", "[/bold]", "<img onerror=1>")):
        path = tmp_path / f"{number}.png"
        lines = [(table, "2026-11-25T08:00:00+00:00", 0.001)]
        draw_budget(path, table=table, lines=lines, budget=4.0, delta=1e-6)
        assert imread(path).size
