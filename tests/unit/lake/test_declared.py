"""What cannot be is refused by name, and what can be is spelled as the column's own values are."""

from datetime import datetime
from typing import Any

import pyarrow as pa
import pytest

from synth.config.sections import ColumnSettings, Config
from synth.core.calendar import number_of
from synth.core.schema import Kind, Part
from synth.errors import ConfigError
from synth.lake.columns import from_strings, to_strings
from synth.lake.declared import check_declared, column_faults, format_fault
from synth.lake.types import arrow_type, as_spark_casts, spelled

TYPES = ("boolean", "tinyint", "smallint", "int", "bigint", "float", "double", "decimal(5,2)",
         "decimal(38,0)", "string", "varchar(10)", "char(3)", "date", "timestamp",
         "timestamp_ntz")  # fmt: skip


def faults(spark_type: str, **settings: Any) -> list[str]:
    return list(column_faults(spark_type, ColumnSettings(**settings)))


@pytest.mark.parametrize(
    ("spark_type", "written", "found"),
    [
        ("boolean", "True", "true"),
        ("boolean", "0", "false"),
        ("int", "01", "1"),
        ("int", "1.0", "1"),
        ("bigint", "1e3", "1000"),
        ("double", "1.0", "1"),
        ("double", ".50", "0.5"),
        ("decimal(5,2)", "1", "1.00"),
        ("decimal(5,2)", "1.50", "1.50"),
        ("date", "2026-11-25", "2026-11-25"),
        ("timestamp", "2026-11-25 10:30", "2026-11-25 10:30:00.000000Z"),
        ("timestamp", "2026-11-25T10:30:00+02:00", "2026-11-25 08:30:00.000000Z"),
        ("timestamp_ntz", "2026-11-25", "2026-11-25 00:00:00.000000"),
        ("string", "01", "01"),
        ("string", " NO ", " NO "),
    ],
)
def test_a_value_is_spelled_as_its_type_spells_it(spark_type: str, written: str, found: str) -> None:
    assert spelled(written, spark_type) == found
    back = from_strings(pa.array([found]), arrow_type(spark_type))
    assert to_strings(back).to_pylist() == [found], "or no value of the column would ever be that category"


@pytest.mark.parametrize(
    ("spark_type", "written", "instead"),
    [
        ("boolean", "Yes", "true or false"),
        ("tinyint", "300", "a whole number from -128 to 127"),
        ("int", "1.5", "a whole number"),
        ("int", "a", "a whole number"),
        ("double", "one", "a number"),
        ("decimal(5,2)", "1.005", r"decimal\(5,2\) holds"),
        ("decimal(5,2)", "12345", r"decimal\(5,2\) holds"),
        ("date", "25/11/2026", "2026-11-25"),
        ("date", "20261125", "2026-11-25"),
        ("timestamp", "noon", "2026-11-25 10:30:00"),
    ],
)
def test_a_value_that_a_type_cannot_have_is_refused_with_one_that_it_can(
    spark_type: str, written: str, instead: str
) -> None:
    with pytest.raises(ValueError, match=rf"is no value of type .*; write .*{instead}"):
        spelled(written, spark_type)
    assert instead.split("\\")[0] in faults(spark_type, categories=(written,))[0]


def test_two_spellings_of_one_value_are_one_category_too_many() -> None:
    assert "'1' and '01' are one value" in faults("int", categories=("1", "01"))[0]
    assert faults("string", categories=("1", "01")) == []


POSSIBLE = {
    Kind.BOOLEAN: {*TYPES} - {"date", "timestamp", "timestamp_ntz"},
    Kind.INTEGER: {*TYPES} - {"boolean", "date", "timestamp", "timestamp_ntz"},
    Kind.REAL: {"float", "double", "decimal(5,2)", "decimal(38,0)", "string", "varchar(10)", "char(3)"},
    Kind.DATE: {"string", "varchar(10)", "char(3)", "date", "timestamp", "timestamp_ntz"},
    Kind.TIMESTAMP: {"string", "varchar(10)", "char(3)", "timestamp", "timestamp_ntz"},
}


@pytest.mark.parametrize("spark_type", TYPES)
@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.PLACE])
def test_a_kind_is_refused_where_the_type_cannot_have_it(kind: Kind, spark_type: str) -> None:
    found = faults(spark_type, kind=kind)
    assert bool(found) == (spark_type not in POSSIBLE.get(kind, set(TYPES)))
    assert all(f"cannot be {kind}; declare one of " in fault for fault in found)


@pytest.mark.parametrize(
    ("spark_type", "settings", "says"),
    [
        ("tinyint", {"upper": 300}, "upper: 300.0 lies outside type tinyint"),
        ("decimal(5,2)", {"edges": (0, 1000)}, r"edges[1]: 1000.0 lies outside"),
        ("int", {"lower": 0.5}, "lower: 0.5 is not whole"),
        ("boolean", {"lower": 0}, "boolean values have none"),
        ("string", {"kind": "categorical", "upper": 4}, "categorical values have none"),
        ("int", {"kind": "integer", "categories": ("1", "2")}, "integer values are not listed"),
        ("int", {"lower": "2020-01-01"}, "integer values are no days"),
        ("string", {"lower": "2020-01-01"}, "set kind: date or timestamp"),
        ("date", {"upper": 1e9}, "upper: 1000000000.0 lies outside"),
        ("int", {"decimals": 2}, "decimals: integer values have no digits"),
        ("decimal(5,2)", {"decimals": 3}, "keeps 2 digits, not 3"),
        ("date", {"format": "%Y-%m-%d"}, "date columns are not read by a format"),
        ("string", {"kind": "categorical", "format": "%Y"}, "categorical values have none"),
        ("int", {"format": "%Y%m%d"}, "set kind: date or timestamp"),
        ("double", {"kind": "date"}, "or format too, such as %Y%m%d"),
        ("string", {"format": "yyyy-MM-dd"}, "holds no part of a date"),
        ("string", {"kind": "date", "format": "%d of %Q"}, "format"),
        ("int", {"parts": ("month",)}, "integer values have no month"),
        ("date", {"parts": ("hour",)}, "a date has no hour"),
    ],
)
def test_what_else_is_declared_must_fit_the_type(
    spark_type: str, settings: dict[str, Any], says: str
) -> None:
    assert [says in fault for fault in faults(spark_type, **settings)] == [True]


@pytest.mark.parametrize(
    ("spark_type", "settings"),
    [
        ("string", {"lower": 0, "upper": 120}),
        ("string", {"kind": "date", "lower": "1990-01-01", "format": "%-m/%-d/%Y"}),
        ("timestamp", {"lower": "2020-01-01", "upper": "2020-12-31", "parts": ("hour", "month")}),
        ("timestamp", {"kind": "date", "edges": ("2020-01-01", "2021-01-01", "2022-01-01")}),
        ("date", {"lower": "0001-01-01", "upper": "9999-12-31"}),
        ("double", {"kind": "integer", "lower": -1}),
        ("int", {"kind": "date", "format": "%Y%m%d", "upper": "2030-01-01"}),
        ("int", {"kind": "ordered", "categories": ("3", "1", "2")}),
        ("array<int>", {"kind": "real"}),
    ],
)
def test_what_fits_is_let_through(spark_type: str, settings: dict[str, Any]) -> None:
    assert faults(spark_type, **settings) == []


FORMATS = ("%Y-%m-%d", "%d/%m/%Y", "%-m/%-d/%Y", "%Y%m%d", "%d %b %Y", "%b-%y", "%d.%m.%y", "%m/%Y")


@pytest.mark.parametrize("format", FORMATS)
def test_formats_that_come_back_are_let_through(format: str) -> None:
    assert format_fault(format, Kind.DATE) is None
    assert format_fault(f"{format} %H:%M:%S", Kind.TIMESTAMP) is None


@pytest.mark.parametrize("format", ["%m-%d", "yyyy", "%", "%U %Y"])
def test_formats_that_do_not_come_back_are_refused(format: str) -> None:
    assert format_fault(format, Kind.DATE) is not None


def test_bounds_of_days_and_times_are_days_and_seconds() -> None:
    settings = ColumnSettings(lower="1970-01-02", upper="1970-01-03 00:00:01")
    assert number_of(settings.lower, Kind.DATE) == 1  # type: ignore[arg-type]
    assert number_of(settings.lower, Kind.TIMESTAMP) == 86_400  # type: ignore[arg-type]
    assert number_of(settings.upper, Kind.TIMESTAMP) == 172_801  # type: ignore[arg-type]
    assert number_of(datetime.fromisoformat("1970-01-01T02:00+02:00"), Kind.TIMESTAMP) == 0
    with pytest.raises(ValueError, match="must be below"):
        ColumnSettings(lower="2021-01-01", upper="2020-01-01")
    with pytest.raises(ValueError, match="all numbers, or all days"):
        ColumnSettings(lower="2021-01-01", upper=3)


def config(**sections: Any) -> Config:
    return Config.model_validate({"name": "t", "source": {"path": "/d"}, **sections})


@pytest.mark.parametrize(
    ("sections", "says"),
    [
        ({"columns": {"A": {"parts": [Part.MONTH]}}}, "learned as 'A month', as is column 'A month'"),
        ({"relations": {"together": [["S", "T"]]}}, "relations.together"),
        ({"relations": {"at_most": [["S", "T"]]}}, "relations.at_most"),
        ({"relations": {"places": [["S", "T"]]}}, "relations.places"),
        ({"columns": {"S": {"keep_length": True}}}, "columns.S.keep_length"),
        ({"generate": {"fix": {"F": "Yes"}}}, "generate.fix.F: 'Yes' is no value of type boolean"),
        ({"generate": {"fix": {"N": "01"}}, "columns": {"N": {"categories": ["2"]}}}, "none of the declared"),
        ({"generate": {"rebalance": {"Q": {"a": 0.5}}}}, "generate.rebalance.Q: the source has"),
        ({"generate": {"fix": {"S": "a"}}, "columns": {"S": {"kind": "text"}}}, "only categories"),
        ({"privacy": {"partitions": {"column": "N", "values": ["01"]}}}, "'01' is written '1'"),
        ({"privacy": {"partitions": {"column": "A", "values": ["x"]}}}, "'x' is no value of type date"),
        ({"privacy": {"partitions": {"column": "M", "values": ["2026-11-25"]}}}, "'2026-11-25 00:00:00'"),
        ({"privacy": {"partitions": {"column": "R", "values": ["1"]}}}, "name one of whole values"),
    ],
)  # fmt: skip
def test_the_whole_configuration_is_held_against_the_types(sections: dict[str, Any], says: str) -> None:
    fields = {"A": "date", "A month": "int", "S": "string", "T": "string", "F": "boolean", "N": "int",
              "R": "double", "M": "timestamp", "S + T": "int", "T - S": "int", "S x T": "int",
              "length of S": "int"}  # fmt: skip
    with pytest.raises(ConfigError) as caught:
        check_declared(fields, config(**sections))
    assert says in str(caught.value)
    dropped = {name: {"drop": True} for name in fields if " " in name}
    check_declared(fields, config(columns=dropped))


def test_all_faults_are_told_at_once() -> None:
    columns = {"a": {"kind": "date"}, "b": {"categories": ["x"]}, "c": {"upper": 300}}
    with pytest.raises(ConfigError) as caught:
        check_declared(dict.fromkeys("abc", "tinyint"), config(columns=columns))
    assert all(f"columns.{name}." in str(caught.value) for name in "abc")


def test_a_partition_has_one_spelling() -> None:
    assert as_spark_casts("2026-11-25", "date") == "2026-11-25"
    assert as_spark_casts("2026-11-25 10:30:00.5", "timestamp") == "2026-11-25 10:30:00.5"
    assert as_spark_casts("2026-11-25", "timestamp_ntz") == "2026-11-25 00:00:00"
    assert as_spark_casts("20261125", "int") == "20261125"
