"""Masking on a real Spark: lazy, by name, and with a key that no plan shows."""

from datetime import date
from typing import Any

import pytest

from synth.config.sections import MaskOperator
from synth.errors import ConfigError

pytestmark = pytest.mark.spark

KEY = b"a secret key of thirty-two bytes"
ROWS = [("a@example.org", 7, date(2020, 1, 5), "4111111111111111"), (None, 8, None, "123")]
SCHEMA = "`e.mail` string, n int, born date, card string"


def test_masked_columns_are_strings_and_kept_ones_keep_type_and_place(spark: Any) -> None:
    from synth.mask.spark import masked

    frame = spark.createDataFrame(ROWS, SCHEMA)
    operators = {
        "card": MaskOperator.KEEP_LAST_4,
        "e.mail": MaskOperator.HASH,
        "n": MaskOperator.KEEP,
        "born": MaskOperator.REDACT,
    }
    result = masked(frame, operators, KEY)
    assert result.dtypes == [("e.mail", "string"), ("n", "int"), ("born", "string"), ("card", "string")]
    first, second = result.orderBy("n").collect()
    assert tuple(first)[1:] == (7, "[redacted]", "****1111")
    assert len(first[0]) == 32
    assert tuple(second) == (None, 8, None, "****")


def test_the_plan_does_not_show_the_key(spark: Any) -> None:
    from synth.mask.spark import masked

    frame = masked(
        spark.createDataFrame(ROWS, SCHEMA),
        dict.fromkeys(["e.mail", "n", "born", "card"], MaskOperator.HASH),
        KEY,
    )
    plan = frame._jdf.queryExecution().toString()
    assert "MapInArrow" in plan
    assert KEY.decode() not in plan
    assert KEY.hex() not in plan


def test_dropped_columns_are_left_out_and_dropping_all_is_an_error(spark: Any) -> None:
    from synth.mask.spark import masked

    frame = spark.createDataFrame(ROWS, SCHEMA)
    drop = dict.fromkeys(frame.columns, MaskOperator.DROP)
    assert masked(frame, {**drop, "n": MaskOperator.KEEP}, KEY).columns == ["n"]
    with pytest.raises(ConfigError, match="every column"):
        masked(frame, drop, KEY)
