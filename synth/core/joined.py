"""How several values become one string: marks between them, for a missing one, and before text like marks."""

SEPARATOR, NULL, ESCAPE = "\x1f", "\x1a", "\x1b"
"""Unit separator between values, the mark of a missing one, and what stands before a mark that is text."""
ESCAPED = ((ESCAPE, ESCAPE + "e"), (SEPARATOR, ESCAPE + "s"), (NULL, ESCAPE + "n"))
"""Characters of a value and what is written for them, the escape itself first."""

ROOT = ESCAPE + "r"
"""What is written for no value at all: nothing that is joined is written so."""


def unescaped(text: str) -> str:
    """The value that was written so."""
    for plain, written in reversed(ESCAPED):
        text = text.replace(written, plain)
    return text
