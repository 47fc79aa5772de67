"""What an expression over one row may be made of."""

import pytest

from synth.core.expression import fault_of


@pytest.mark.parametrize(
    "text",
    [
        "PRICE * QUANTITY",
        "price*(quantity+1)",
        "CASE WHEN a > 3 AND (b IN ('x', 'select')) THEN upper(b) ELSE NULL END",
        "cast(a AS decimal(10,2))",
        "extract(year FROM day)",
        "`select` + `odd (name)`",
        "concat(first, ' (', last, ')')",
        "date_add(start, 3) BETWEEN start AND (stop)",
        "1",
        "'-- text' || '/* text */'",
        "total + total",
        "a.b",
    ],
)
def test_what_follows_from_the_row_passes(text: str) -> None:
    assert fault_of(text) is None


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("(SELECT max(SALARY) FROM parquet.`/lake/t`)", "SELECT"),
        ("(/**/SELECT 1)", "a comment"),
        ("a -- b", "a comment"),
        ("reflect('java.lang.System', 'getenv', 'HOME')", "reflect"),
        ("java_method ('a', 'b')", "java_method"),
        ("`reflect`('a', 'b')", "`reflect`"),
        ("try_reflect('a', 'b')", "try_reflect"),
        ("system.builtin.reflect('a', 'b')", "reflect"),
        ("a + rand()", "rand"),
        ("input_file_name()", "input_file_name"),
        ("_metadata.file_path", "_metadata"),
        ("current_user", "current_user"),
        ("max(a) OVER (PARTITION BY b)", "max"),
        ("a IN (TABLE other)", "TABLE"),
        ("a IN (VALUES (1))", "VALUES"),
        ("EXISTS (SELECT 1)", "EXISTS"),
        ("(WITH x AS (SELECT 1) SELECT * FROM x)", "WITH"),
        ("a IN (FROM t |> SELECT b)", "FROM"),
        ("my_udf(a)", "my_udf"),
        ("lake.upper(a)", "upper of another place"),
        ("`lake` . upper (a)", "upper of another place"),
        ("raise_error(a)", "raise_error"),
        ("{{secret}}", "{"),
        ("'it''s' + (FROM t)", "FROM"),
        ("extract(year FROM (FROM t))", "FROM"),
        (r"r'\' || (SELECT 1) || ''", "raw string"),
        (r"'\' || (SELECT 1) || '\'", "backslash"),
        ('"reflect"(a)', "reflect"),
    ],
)
def test_what_looks_beyond_the_row_is_named(text: str, named: str) -> None:
    fault = fault_of(text)
    assert fault is not None
    assert named in fault
