"""The page of the docs is what the cases say today."""

from cases import CASES
from page import PAGE, page


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python tests/conformance/page.py"


def test_the_page_lists_every_case() -> None:
    lines = page().splitlines()
    assert all(any(line.startswith(f"| {case.name.replace('_', ' ')}") for line in lines) for case in CASES)
