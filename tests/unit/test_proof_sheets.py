"""The proof sheets name code and tests that exist."""

import importlib
import re
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_SHEETS = sorted((_ROOT / "docs" / "privacy").glob("*.md"))
_SECTIONS = (
    "## Argument",
    "## Code",
    "## Tests",
    "## Vetted elsewhere, and not",
    "## What an attacker would try",
)


def section(sheet: Path, name: str) -> list[str]:
    """The names in backticks of a section's list."""
    _, _, rest = sheet.read_text(encoding="utf-8").partition(f"## {name}\n")
    return re.findall(r"^- `(.+)`$", rest.partition("\n## ")[0], re.MULTILINE)


def test_there_is_a_sheet_a_mechanism() -> None:
    assert len(_SHEETS) >= 11
    listed = (_ROOT / "docs" / "privacy.md").read_text(encoding="utf-8")
    assert [sheet.name for sheet in _SHEETS if f"privacy/{sheet.name}" not in listed] == []


@pytest.mark.parametrize("sheet", _SHEETS, ids=lambda sheet: sheet.stem)
def test_a_sheet_is_whole_and_its_code_and_tests_are_there(sheet: Path) -> None:
    text = sheet.read_text(encoding="utf-8")
    assert [part for part in ("**Statement.**", "**Event.**", *_SECTIONS) if part not in text] == []
    code, tests = section(sheet, "Code"), section(sheet, "Tests")
    assert code
    assert tests
    assert [name for name in code if not is_code(name)] == []
    for test in tests:
        file, _, name = test.partition("::")
        assert f"def {name}(" in (_ROOT / file).read_text(encoding="utf-8"), test


def test_a_name_that_is_not_there_is_seen() -> None:
    assert is_code("synth.privacy.noise.noisy_counts")
    assert not is_code("synth.privacy.noise.noisy_count")


def is_code(name: str) -> bool:
    """Whether a dotted name is a module's function, or a method."""
    parts = name.split(".")
    for end in range(len(parts) - 1, 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for part in parts[end:]:
            found = getattr(found, part, None)
        return found is not None
    return False
