"""What an expression over one row may be made of: columns, literals, functions of them alone."""

import re
from collections.abc import Iterator

FUNCTIONS = frozenset(
    [
        "abs",
        "acos",
        "add_months",
        "array",
        "ascii",
        "asin",
        "atan",
        "atan2",
        "base64",
        "between",
        "bigint",
        "bin",
        "binary",
        "bit_count",
        "bit_length",
        "boolean",
        "bround",
        "btrim",
        "cast",
        "cbrt",
        "ceil",
        "ceiling",
        "char",
        "char_length",
        "character_length",
        "chr",
        "coalesce",
        "concat",
        "concat_ws",
        "contains",
        "conv",
        "cos",
        "cosh",
        "cot",
        "crc32",
        "date",
        "date_add",
        "date_diff",
        "date_format",
        "date_from_unix_date",
        "date_part",
        "date_sub",
        "date_trunc",
        "dateadd",
        "datediff",
        "datepart",
        "day",
        "dayname",
        "dayofmonth",
        "dayofweek",
        "dayofyear",
        "decimal",
        "decode",
        "degrees",
        "div",
        "double",
        "e",
        "encode",
        "endswith",
        "exp",
        "expm1",
        "extract",
        "factorial",
        "find_in_set",
        "float",
        "floor",
        "format_number",
        "format_string",
        "greatest",
        "hash",
        "hex",
        "hour",
        "hypot",
        "if",
        "ifnull",
        "ilike",
        "in",
        "initcap",
        "instr",
        "int",
        "isnan",
        "isnotnull",
        "isnull",
        "last_day",
        "lcase",
        "least",
        "left",
        "length",
        "levenshtein",
        "like",
        "ln",
        "locate",
        "log",
        "log10",
        "log1p",
        "log2",
        "lower",
        "lpad",
        "ltrim",
        "make_date",
        "make_interval",
        "make_timestamp",
        "mask",
        "md5",
        "minute",
        "mod",
        "month",
        "monthname",
        "months_between",
        "nanvl",
        "negative",
        "next_day",
        "not",
        "nullif",
        "nullifzero",
        "nvl",
        "nvl2",
        "octet_length",
        "overlay",
        "pi",
        "pmod",
        "position",
        "positive",
        "pow",
        "power",
        "printf",
        "quarter",
        "radians",
        "regexp",
        "regexp_count",
        "regexp_extract",
        "regexp_instr",
        "regexp_like",
        "regexp_replace",
        "regexp_substr",
        "repeat",
        "replace",
        "reverse",
        "right",
        "rint",
        "rlike",
        "round",
        "rpad",
        "rtrim",
        "second",
        "sha",
        "sha1",
        "sha2",
        "sign",
        "signum",
        "sin",
        "sinh",
        "size",
        "smallint",
        "soundex",
        "space",
        "split",
        "split_part",
        "sqrt",
        "startswith",
        "string",
        "substr",
        "substring",
        "substring_index",
        "tan",
        "tanh",
        "timestamp",
        "timestamp_micros",
        "timestamp_millis",
        "timestamp_seconds",
        "tinyint",
        "to_char",
        "to_date",
        "to_number",
        "to_timestamp",
        "to_varchar",
        "translate",
        "trim",
        "trunc",
        "try_add",
        "try_cast",
        "try_divide",
        "try_multiply",
        "try_subtract",
        "try_to_number",
        "try_to_timestamp",
        "typeof",
        "ucase",
        "unhex",
        "unix_date",
        "unix_micros",
        "unix_millis",
        "unix_seconds",
        "unix_timestamp",
        "upper",
        "weekday",
        "weekofyear",
        "when",
        "width_bucket",
        "xxhash64",
        "year",
        "zeroifnull",
    ]
)
"""Deterministic functions of their arguments in Spark SQL, and types."""

_WORDS_BEFORE_A_PARENTHESIS = frozenset(
    [
        "and",
        "or",
        "not",
        "in",
        "is",
        "like",
        "ilike",
        "rlike",
        "between",
        "case",
        "when",
        "then",
        "else",
        "div",
        "end",
    ]
)
_NEVER_BARE = re.compile(
    r"select|from|table|values|exists|with|lateral|over|user|session_user|current_\w+|localtimestamp|_metadata",
    re.IGNORECASE,
)
"""Words that begin a query or look beyond the row; a column with such a name is written in backquotes."""

_ODD_STRING = re.compile(r"""\\['"`]|\b[rR]['"]""")
"""Where a string ends would depend on Spark's settings."""

_FROM_IS_TEXT = re.compile(r"\b(extract|substring|substr|trim|overlay|position)\s*\([^()]*$", re.IGNORECASE)
_TOKEN = re.compile(
    r"""(?P<string>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(?P<quoted>`(?:[^`]|``)*`)|(?P<comment>--|/\*)"""
    r"""|(?P<word>[^\W\d]\w*)|(?P<other>\d\w*|\s+|.)""",
    re.DOTALL,
)


def fault_of(expression: str) -> str | None:
    """What in an expression of Spark SQL is not of its row, in words; None where all of it is.

    Guarantee: no query, no function outside `FUNCTIONS` and no comment passes, so the value follows from the
      row's columns alone. Spark's own analysis still decides whether the columns exist and the types fit.
    """
    if _ODD_STRING.search(expression):
        return "a raw string, or a backslash before a quote"
    tokens = list(_tokens(expression))
    for index, (kind, text, start) in enumerate(tokens):
        calls = index + 1 < len(tokens) and tokens[index + 1][1] == "("
        if kind == "comment":
            return "a comment"
        if kind in ("quoted", "string") and calls:
            return f"the function {text}"
        if kind == "other" and text in ";{$@":
            return f"the character {text!r}"
        if kind != "word":
            continue
        if calls and index > 0 and tokens[index - 1][1] == ".":
            return f"the function {text} of another place"
        if calls and text.lower() not in FUNCTIONS | _WORDS_BEFORE_A_PARENTHESIS:
            return f"the function {text}"
        if _NEVER_BARE.fullmatch(text) and not _is_inner_from(text, expression[:start]):
            return f"the word {text}"
    return None


def _tokens(expression: str) -> Iterator[tuple[str, str, int]]:
    """Kind, text and place of all but blanks."""
    for found in _TOKEN.finditer(expression):
        if not found.group().isspace():
            yield str(found.lastgroup), found.group(), found.start()


def _is_inner_from(word: str, before: str) -> bool:
    """Whether this is the `from` of extract(year from day), which begins no query."""
    return word.lower() == "from" and _FROM_IS_TEXT.search(before) is not None
