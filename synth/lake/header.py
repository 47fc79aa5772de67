"""Whether the first line of a CSV names its columns, told from the line alone and without showing it."""

import itertools
import re
from collections.abc import Sequence

from synth.config.sections import Source
from synth.errors import SourceError

UTF_16 = (
    "NULs in its text: it is in UTF-16, or no text; set source.options: {encoding: UTF-16, multiLine: true}, "
    "or write it as UTF-8 without NULs"
)
NOT_UTF_8 = "text that is not UTF-8; set source.options.encoding, such as ISO-8859-1 or windows-1252"
_SEPARATORS = {";": '";"', "\t": '"\\t"', "|": '"|"', ",": '","'}
_WHOLE = r"[+-]?\d+"
_VALUES = (
    r"[+-]?\d*[.,]\d+([eE][+-]?\d+)?",
    r"-\d+",
    r"[^\s@]+@[^\s@]+\.\w+",
    r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
    r"(?i)true|false|nan",
)
"""What is hardly ever a column's name: fractions, addresses, identifiers."""
_DAY = r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T].*)?"
_MOST_DAYS = 7
"""Days in one row; more of them are columns by the day."""


def check_header(names: Sequence[str], source: Source) -> None:
    """Raise SourceError if the names show another separator, or are values of a line that is no header.

    A header that is asked for in so many words is taken for one.
    """
    options = {name.lower(): value for name, value in source.options.items()}
    if options.get("header", "true").lower() != "true":
        return
    if any("\0" in name for name in names):
        raise SourceError(f"source {source.place} has {UTF_16}")
    if any("\ufffd" in name for name in names):
        raise SourceError(f"source {source.place} has {NOT_UTF_8}")
    if len(names) == 1:
        found = [word for mark, word in _SEPARATORS.items() if mark in names[0]]
        if found:
            raise SourceError(
                f"source {source.place} has one column, whose name holds {' and '.join(found)}; if that "
                f"separates its values set source.options.sep: {found[0]}"
            )
    if "header" not in options and looks_like_values(names):
        raise SourceError(
            f"source {source.place} seems to begin with values, not with the names of its columns; set "
            "source.options.header: false, or true if these are its names"
        )


def looks_like_values(names: Sequence[str]) -> bool:
    """Whether a line holds values: a fraction, few days, an address, whole numbers that count no columns."""
    if any(re.fullmatch(pattern, name.strip()) for name in names for pattern in _VALUES):
        return True
    days = sum(re.fullmatch(_DAY, name.strip()) is not None for name in names)
    if 0 < days <= _MOST_DAYS:
        return True
    whole = [int(name) for name in names if re.fullmatch(_WHOLE, name.strip())]
    steps = {after - before for before, after in itertools.pairwise(whole)}
    # Years, or numbers of columns: two that follow each other, or more at any one distance.
    counts = len(steps) == 1 and (steps == {1} or (len(whole) > 2 and steps != {0}))
    return len(whole) >= 2 and not counts
