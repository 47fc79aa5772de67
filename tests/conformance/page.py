"""Writes the page of the docs that says what comes back how: `python tests/conformance/page.py`."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from case import Case
from cases import CHAPTERS
from comparison import EXACT, PRIVATE
from perfect_model import ROWS, to_array
from shapes import SHAPES
from tables import EPSILON
from typed_cases import REFUSED_TYPES

PAGE = Path(__file__).parents[2] / "docs" / "what-comes-back.md"
_EXAMPLES = 3
_LONGEST = 44

_HEAD = f"""# What comes back how

What a column of each type and spelling becomes in the synthetic table when nothing is declared about it.
The list is made from the conformance suite (`make conformance`). Each line is a column that the suite takes
through scan, prepare, encode and decode with a perfect model, one that hands out the codes of the real rows,
in up to {len(SHAPES)} shapes: {", ".join(shape.replace("_", " ") for shape in SHAPES)}.
So this is what the way there and back keeps; what a trained model adds to it is in the report of a run.

Without noise the suite is met. At epsilon 10 it is met for constant columns; of the other columns about one
in ten misses one of the bounds below in a run, most of them where one value, or skewed ones, leave the noise
little to be told from. For tables that Spark reads and writes it says what is wanted, and is not met whole
yet.

| over {ROWS:,} rows | without noise | at epsilon {EPSILON:g}, ten columns |
|---|---|---|
| the type | equal | equal |
| share of nulls, blanks, words for missing | within {EXACT.share:.1%} | within {PRIVATE.share:.0%} |
| share of any one value | within {EXACT.share:.1%}, if {EXACT.mass:.0%} or more | \
within {PRIVATE.share:.0%}, if {PRIVATE.mass:.0%} or more |
| numbers outside the real range, in ranges | at most {EXACT.beyond:.0%} away | \
at most {PRIVATE.beyond:.0%} away |
| total variation over tenths of the other values | at most {EXACT.distance:.2f} | \
at most {PRIVATE.distance:.2f} |
| rows spelled as no row of the source is | none | at most {PRIVATE.misspelled:.0%} |
| keys that never repeat | never repeat | never repeat |
"""
_REFUSED = """## Refused

One line, before anything is charged, names the column and its type and says what to do: flatten it, cast it,
or set `columns.NAME.drop: true`.

| type | such as |
|---|---|
"""


def _shown(value: Any) -> str:
    """A value as a table of Markdown can hold it."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    text = text.replace("\\", "\\\\") if "\n" in text or "\t" in text else text
    for mark, escape in (("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t"), ("|", "\\|")):
        text = text.replace(mark, escape)
    text = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    return "(blank)" if not text.strip() else f"`` {text} ``" if "`" in text else f"`{text}`"


def _examples(case: Case) -> str:
    drawn = dict.fromkeys(case.draw(np.random.default_rng(1), 200))
    values = to_array([*drawn][:_EXAMPLES], case.spark_type)
    sentinels = to_array(list(case.sentinels), case.spark_type)
    shown = ", ".join(_shown(value) for value in values.to_pylist())
    missing = ", ".join(_shown(value) for value in sentinels.to_pylist())
    return f"{shown}; {missing}" if missing else shown


def _line(case: Case) -> str:
    what = case.name.replace("_", " ")
    named = f" (named `{case.column}`)" if case.column else ""
    keys = "keys stay different" if case.are_keys else ""
    remark = "; ".join(part for part in (case.remark, keys) if part)
    back = f"{case.back.value}{': ' if remark else ''}{remark}"
    return f"| {what}{named} | `{case.spark_type}` | {_examples(case)} | {back} |"


def page() -> str:
    """The whole page."""
    parts = [_HEAD]
    for title, cases in CHAPTERS.items():
        lines = "\n".join(_line(case) for case in cases)
        parts.append(
            f"## {title}\n\n| what | type | such as; in place of a value | comes back |\n"
            f"|---|---|---|---|\n{lines}\n"
        )
    refused = "".join(f"| `{name}` | `{example}` |\n" for name, example in REFUSED_TYPES.items())
    return "\n".join([*parts, _REFUSED + refused])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")
