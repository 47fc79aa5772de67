"""Spellings that come back as they were: values as tables hold them, and what a column of them is."""

from dataclasses import dataclass

from synth.core.schema import Kind


@dataclass(frozen=True, kw_only=True)
class Spelling:
    """Values of one column.

    Attributes:
      name: of the column, where it matters.
      values: enough to tell the format; all of them come back.
      kind, format: what the scan makes of them.
      spark_type: of the column.
    """

    values: tuple[str, ...]
    kind: Kind
    format: str | None = None
    name: str = "x1"
    spark_type: str = "string"


def _of(kind: Kind, format: str | None, *values: str, name: str = "x1", type: str = "string") -> Spelling:
    return Spelling(values=values, kind=kind, format=format, name=name, spark_type=type)


SPELLINGS: tuple[Spelling, ...] = (
    # numbers
    _of(Kind.INTEGER, None, "0", "7", "-12", "431", "126857"),
    _of(Kind.INTEGER, "0.0", "0.0", "7.0", "-12.0", "126857.0"),
    _of(Kind.INTEGER, "+0", "+5", "-3", "+120"),
    _of(Kind.INTEGER, "00000", "00680", "01013", "12345"),
    _of(Kind.INTEGER, "0000000", "0000001", "0123456", "9999999"),
    _of(Kind.REAL, None, "12.50", "0.00", "-3.25", "100000.10"),
    _of(Kind.REAL, None, "1.123456", "0.000001", "-7.500000"),
    _of(Kind.REAL, "0.0#", "12.5", "0.25", "-3.0", "1.75", "2.5"),
    _of(Kind.REAL, "0.##", "12", "0.25", "-3.5", "7"),
    _of(Kind.REAL, "#.00", ".25", "-.50", "1.75"),
    _of(Kind.REAL, "0e0", "1e-5", "2.5e3", "-3e10"),
    _of(Kind.REAL, "0e+00", "1e-05", "2.5e+03", "-3e+10"),
    _of(Kind.REAL, "0.000000e+00", "1.250000e-05", "-2.500000e+03"),
    _of(Kind.REAL, "0.0###############E0", "1.0E-5", "2.5E10"),
    # numbers with marks
    _of(Kind.REAL, "#,##0.00", "1,234.56", "0.50", "-1,000,000.00", "12.00"),
    _of(Kind.INTEGER, "#,##0", "1,234", "12", "1,234,567"),
    _of(Kind.REAL, "#.##0,00", "1.234,56", "0,50", "-1.000.000,00"),
    _of(Kind.INTEGER, "#.##0", "1.234.567", "-7.000.000"),
    _of(Kind.REAL, "# ##0,00", "1 234,56", "0,50", "-1 000 000,00"),
    _of(Kind.REAL, "# ##0.0", "1 234.5", "0.5"),
    _of(Kind.REAL, "#'##0.00", "1'234.50", "0.50"),
    _of(Kind.REAL, "0,0", "12,5", "-0,5", "1234,5"),
    _of(Kind.REAL, "0,0000", "12,5000", "0,1234"),
    _of(Kind.REAL, "(#,##0.00)", "(1,234.50)", "2.00", "(0.25)"),
    _of(Kind.REAL, "0.00-", "5.00-", "12.50"),
    # money, shares, units
    _of(Kind.REAL, "$#,##0.00", "$1,234.56", "-$5.00", "$0.10", "$12.00"),
    _of(Kind.INTEGER, "$#,##0", "$1,234", "$12", "$1,234,567"),
    _of(Kind.REAL, "$-0.00", "$-5.00", "$12.50"),
    _of(Kind.REAL, "($#,##0.00)", "($1,234.50)", "$2.00"),
    _of(Kind.INTEGER, "€ 0", "€ 12", "€ 7", "-€ 3"),
    _of(Kind.REAL, "#.##0,00 €", "1.234,56 €", "0,50 €"),
    _of(Kind.REAL, "£0.00", "£12.50", "£0.99"),
    _of(Kind.REAL, "USD 0.00", "USD 12.50", "USD 0.99"),
    _of(Kind.REAL, "0.0%", "5.3%", "-12.0%", "0.1%"),
    _of(Kind.INTEGER, "0 %", "5 %", "12 %"),
    _of(Kind.REAL, "0,0%", "5,3%", "12,0%"),
    _of(Kind.REAL, "+0.0%", "+5.3%", "-0.1%"),
    _of(Kind.INTEGER, "0 kg", "12 kg", "7 kg"),
    _of(Kind.REAL, "0.0 km", "12.5 km", "0.3 km"),
    _of(Kind.INTEGER, "0GB", "10GB", "256GB"),
    _of(Kind.INTEGER, "0 years", "3 years", "12 years"),
    _of(Kind.INTEGER, "#,##0+", "10,000+", "500+", "1,000,000+"),
    # dates
    _of(Kind.DATE, "%Y-%m-%d", "2024-01-31", "0001-01-01", "9999-12-31", "1989-05-25"),
    _of(Kind.DATE, "%Y-%-m-%-d", "2024-1-31", "2024-11-5"),
    _of(Kind.DATE, "%Y/%m/%d", "2024/01/31", "1989/05/25"),
    _of(Kind.DATE, "%Y.%m.%d", "2024.01.31", "1989.05.25"),
    _of(Kind.DATE, "%Y%m%d", "20240131", "19890525"),
    _of(Kind.DATE, "%Y%m", "202401", "198905"),
    _of(Kind.DATE, "%m/%d/%Y", "01/31/2024", "05/25/1989"),
    _of(Kind.DATE, "%-m/%-d/%Y", "1/31/2024", "5/25/1989"),
    _of(Kind.DATE, "%d/%m/%Y", "31/01/2024", "25/05/1989"),
    _of(Kind.DATE, "%d/%m/%y", "31/12/23", "25/05/89"),
    _of(Kind.DATE, "%m/%d/%y", "12/31/23", "05/25/89"),
    _of(Kind.DATE, "%d.%m.%Y", "31.01.2024", "25.05.1989"),
    _of(Kind.DATE, "%-d.%-m.%Y", "31.1.2024", "5.5.1989"),
    _of(Kind.DATE, "%d.%m.%y", "31.01.24", "25.05.89"),
    _of(Kind.DATE, "%d-%m-%Y", "31-01-2024", "25-05-1989"),
    _of(Kind.DATE, "%m-%d-%Y", "01-31-2024", "05-25-1989"),
    _of(Kind.DATE, "%d-%b-%Y", "01-Jan-2024", "25-May-1989"),
    _of(Kind.DATE, "%d-%^b-%Y", "01-JAN-2024", "25-JUL-1989"),
    _of(Kind.DATE, "%d-%b-%y", "01-Jan-24", "25-Jul-89"),
    _of(Kind.DATE, "%b %-d, %Y", "Jan 5, 2024", "Jul 25, 1989"),
    _of(Kind.DATE, "%B %-d, %Y", "January 5, 2024", "July 25, 1989"),
    _of(Kind.DATE, "%-d %B %Y", "5 January 2024", "25 July 1989"),
    _of(Kind.DATE, "%d %b %Y", "05 Jan 2024", "25 Jul 1989"),
    _of(Kind.DATE, "%Y-%m", "2024-01", "1989-12"),
    _of(Kind.DATE, "%b-%y", "Jan-24", "Jul-89"),
    _of(Kind.DATE, "%B %Y", "January 2024", "July 1989"),
    _of(Kind.DATE, "%m/%Y", "01/2024", "12/1989"),
    _of(Kind.DATE, "%Y-Q%q", "2024-Q1", "1989-Q4"),
    _of(Kind.DATE, "%G-W%V", "2024-W05", "2020-W53"),
    # moments
    _of(Kind.TIMESTAMP, "%Y-%m-%d %H:%M:%S", "2024-01-31 12:34:56", "1969-12-31 23:59:59"),
    _of(Kind.TIMESTAMP, "%Y-%m-%d %H:%M:%S", "2024-01-31 00:00:00", "1989-05-25 00:00:00"),
    _of(Kind.TIMESTAMP, "%Y-%m-%d %H:%M", "2024-01-31 12:34", "1989-05-25 00:00"),
    _of(Kind.TIMESTAMP, "%Y-%m-%dT%H:%M:%S", "2024-01-31T12:34:56", "1989-05-25T00:00:07"),
    _of(Kind.TIMESTAMP, "%Y-%m-%dT%H:%M:%SZ", "2024-01-31T12:34:56Z", "1989-05-25T00:00:07Z"),
    _of(Kind.TIMESTAMP, "%Y-%m-%dT%H:%M:%S.%3fZ", "2024-01-01T12:34:56.789Z", "1989-05-25T00:00:07.001Z"),
    _of(Kind.TIMESTAMP, "%Y-%m-%d %H:%M:%S.%3f", "2024-01-01 12:34:56.789", "1989-05-25 00:00:07.000"),
    _of(Kind.TIMESTAMP, "%Y-%m-%d %H:%M:%S.%6f", "2024-01-01 12:34:56.789012"),
    _of(Kind.TIMESTAMP, "%Y-%m-%d %H:%M:%S.%3f+02:00", "2024-01-01 12:34:56.789+02:00"),
    _of(Kind.TIMESTAMP, "%Y-%m-%dT%H:%M:%S-0330", "2024-01-01T12:34:56-0330"),
    _of(Kind.TIMESTAMP, "%Y-%m-%d %H:%M:%S+01", "2024-01-01 12:34:56+01"),
    _of(Kind.TIMESTAMP, "%Y-%m-%d %H:%M:%S UTC", "2024-01-01 12:34:56 UTC"),
    _of(Kind.TIMESTAMP, "%Y/%m/%d %H:%M", "2024/01/31 10:00", "1989/05/25 09:30"),
    _of(Kind.TIMESTAMP, "%d.%m.%Y %H:%M:%S", "31.12.2024 23:59:59", "05.05.1989 03:04:05"),
    _of(Kind.TIMESTAMP, "%m/%d/%Y %-I:%M %p", "01/31/2024 1:05 PM", "05/25/1989 12:30 AM"),
    _of(Kind.TIMESTAMP, "%-m/%-d/%Y %-H:%M", "1/31/2024 9:05", "5/25/1989 13:30"),
    _of(Kind.TIMESTAMP, "%d/%b/%Y:%H:%M:%S +0000", "31/Jan/2024:12:00:01 +0000"),
    _of(Kind.TIMESTAMP, "%a, %d %b %Y %H:%M:%S GMT", "Mon, 01 Jan 2024 00:00:01 GMT"),
    _of(Kind.TIMESTAMP, "%Y%m%d%H%M%S", "20240131123456"),
    _of(Kind.TIMESTAMP, "%s", "1700000000", "1234567890", name="created_at"),
    _of(Kind.TIMESTAMP, "%s%3f", "1700000000123", "1234567890001", name="event_time"),
    # times of day and durations
    _of(Kind.INTEGER, "%H:%M", "09:05", "23:59", "00:00"),
    _of(Kind.INTEGER, "%-H:%M", "9:05", "23:59"),
    _of(Kind.INTEGER, "%H:%M:%S", "09:05:01", "23:59:59"),
    _of(Kind.REAL, "%H:%M:%S.%3f", "09:05:01.500", "23:59:59.123"),
    _of(Kind.INTEGER, "%-I:%M %p", "9:05 AM", "12:30 PM"),
    _of(Kind.INTEGER, "%J:%M:%S", "125:30:01", "02:00:00"),
    # whole numbers that are calendars
    _of(Kind.DATE, "%Y%m%d", "20240131", "19890525", type="int"),
    _of(Kind.DATE, "%Y%m", "202401", "198905", type="bigint"),
    _of(Kind.TIMESTAMP, "%s", "1700000000", "1234567890", name="updated_at", type="bigint"),
    _of(Kind.TIMESTAMP, "%s%3f", "1700000000123", "1234567890001", name="ts", type="bigint"),
)
"""Columns of one spelling each."""
