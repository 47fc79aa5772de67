"""Calendar parts are those of the standard library, leap years and days before 1970 included."""

import datetime

import numpy as np
import pytest

from synth.core.calendar import calendar_part
from synth.core.feature import part_categories
from synth.core.schema import Part

DAYS = np.arange(-60_000, 60_000, 7, dtype=np.int64)
OF_DATE = {
    Part.MONTH: lambda day: day.month,
    Part.DAY: lambda day: day.day,
    Part.WEEKDAY: lambda day: day.isoweekday(),
}


@pytest.mark.parametrize("part", OF_DATE)
@pytest.mark.parametrize("offset", range(7))
def test_a_day_s_parts_are_those_of_its_date(part: Part, offset: int) -> None:
    days = DAYS + offset
    epoch = datetime.date(1970, 1, 1)
    wanted = [OF_DATE[part](epoch + datetime.timedelta(days=int(day))) for day in days]
    assert calendar_part(days, part).tolist() == wanted


def test_any_shape_comes_back_in_its_shape_and_days_have_no_hour() -> None:
    days = DAYS[:12].reshape(3, 4)
    assert calendar_part(days, Part.MONTH).shape == (3, 4)
    assert not calendar_part(days, Part.HOUR).any()


@pytest.mark.parametrize("part", OF_DATE)
def test_every_part_that_a_day_can_have_is_a_category(part: Part) -> None:
    found = {str(number) for number in calendar_part(np.arange(366 * 5), part)}
    assert found == set(part_categories(part))
    assert part_categories(Part.HOUR) == tuple(str(hour) for hour in range(24))
