"""What a benchmark does with its lines."""

from collections.abc import Sequence
from pathlib import Path


def show(lines: Sequence[str], out: Path | None) -> None:
    """Print them, and keep them in a file if one is named."""
    text = "\n".join(lines) + "\n"
    print(text)
    if out:
        out.write_text(text, encoding="utf-8")
