"""The hour of the day is learned beside a moment where rows are many enough for 24 counts more."""

from dataclasses import replace

import pytest

from synth.config.sections import ColumnSettings
from synth.core.schema import Column, Kind, Part, PrivacyUnit, Relations, TableSchema
from synth.prepare.schema import with_hours

START = Column(name="start", spark_type="timestamp", kind=Kind.TIMESTAMP)
END = replace(START, name="end")
DAY = Column(name="day", spark_type="date", kind=Kind.DATE)
MIDNIGHT = replace(START, name="midnight", step=86_400.0)
SCHEMA = TableSchema(
    name="t",
    columns=(START, END, DAY, MIDNIGHT),
    unit=PrivacyUnit(),
    relations=Relations(at_most=(("start", "end"),)),
)


def hours(
    schema: TableSchema, mu: float | None = 0.1, n_rows: float = 20_000, **declared: ColumnSettings
) -> list[str]:
    return [c.name for c in with_hours(schema, declared, mu, n_rows).columns if c.parts == (Part.HOUR,)]


def test_moments_with_a_time_have_hours_and_sums_and_days_do_not() -> None:
    assert hours(SCHEMA) == ["start"]
    assert hours(replace(SCHEMA, relations=Relations())) == ["start", "end"]


def test_few_rows_have_none_unless_there_is_no_noise() -> None:
    assert hours(SCHEMA, n_rows=1_000) == []
    assert hours(SCHEMA, None, n_rows=100) == ["start"]


@pytest.mark.parametrize("facts", [{"public": True}, {"edges": (0.0, 1.0)}, {"derived": "now()"}])
def test_what_is_declared_of_a_column_stays_as_declared(facts: dict[str, object]) -> None:
    declared = replace(START, **facts)  # type: ignore[arg-type]
    assert hours(replace(SCHEMA, columns=(declared,))) == []
    assert hours(SCHEMA, start=ColumnSettings(parts=())) == []
    beside = replace(DAY, name="start hour")
    assert hours(replace(SCHEMA, columns=(START, beside))) == []
