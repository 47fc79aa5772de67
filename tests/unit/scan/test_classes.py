"""Every value has exactly one class; the class decides what may be claimed about a column."""

from datetime import date, datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth.core.schema import Column, Kind
from synth.lake.clock import write_clock
from synth.lake.columns import from_numbers, to_numbers
from synth.scan.calendars import DATE_FORMATS
from synth.scan.classes import VALUE_CLASSES, class_counts, classify
from synth.scan.spellings import NUMBERS

UNTIMED = settings(deadline=None)  # the machine is shared with other tests

TEXTS = st.lists(
    st.none() | st.text(max_size=80) | st.from_regex(r"[0-9A-Za-z.,/:+ -]{0,20}", fullmatch=True)
)

EXAMPLES = {
    "jane.roe@example.org": "email",
    "https://example.org/a": "url",
    "1d604da9-9a81-4ba9-80c2-de3375d59b40": "uuid",
    "192.168.1.1": "ip_address",
    "2001:db8::1": "ip_address",
    "GB82 WEST 1234 5698 7654 32": "iban_valid",
    "GB82WEST12345698765433": "iban_like",
    "123-45-6789": "ssn_valid",
    "999-76-6866": "ssn_like",
    "4111 1111 1111 1111": "card_valid 0000 0000 0000 0000",
    "4111-1111-1111-1112": "card_like",
    "4111111111111111": "card_valid",
    "4111111111111112": "digits_16",
    "1600000000000": "epoch_ms",
    "(413) 555-1234": "phone (000) 000-0000",
    "+49 30 123456": "phone",
    "01013": "zero_padded_5",
    "01013-1234": "digits_and_marks",
    "1013": "integer_4",
    "-7": "integer_minus",
    "271227.08": "real_2",
    "1e-5": "exponent_bare",
    "4.222.835.382.315.940": "number_grouped",
    "222.835.382.315.940": "amount 0 eu_0",
    "$1,234.50": "amount $0 us_2",
    "5/25/1989": "date_mdy_slash_bare",
    "05/25/1989": "date_mdy_slash_padded",
    "11/14/1983": "date_mdy_slash_two",
    "25/5/1989": "date_dmy_slash_bare",
    "05/06/2020": "date_either_slash_padded",
    "12.05.2020": "date_dmy_dot_padded",
    "13/13/2020": "digits_and_marks",
    "2020-01-05": "date_iso",
    "20200105": "date_compact",
    "2020-01-05 10:11:12": "timestamp_space",
    "2020-01-05T10:11:12Z": "timestamp_t_z",
    "2020-01-05 10:11:12.123": "timestamp_space_f3",
    "yes": "word yes",
    "M": "letter M",
    "F": "letter F",
    "Maria Lopez": "full_name",
    "Lopez, Maria": "full_name",
    "Gómez206": "person_name",
    "Hampden County": "person_name",
    "white": "words",
    "427 Balistreri Way Unit 19": "street_address",
    "999 Kuhn Forge": "street_address",
    "12 Monkeys": "number_and_words",
    "S99984236": "code_A1_D8",
    "?": "missing ?",
    "n/a": "missing n/a",
    "  ": "blank",
    "one two three four five six seven eight": "long_text",
}


@pytest.mark.parametrize(("text", "expected"), EXAMPLES.items())
def test_a_value_has_the_class_that_a_reader_would_give_it(text: str, expected: str) -> None:
    assert VALUE_CLASSES[classify(pa.array([text]))[0]] == expected
    assert VALUE_CLASSES[classify(pa.array([f" {text} "]))[0]] == expected


@UNTIMED
@given(TEXTS)
def test_one_value_more_moves_one_class_by_one(texts: list[str | None]) -> None:
    counts = class_counts(pa.array(texts, pa.string()))
    assert counts.sum() == len(texts)
    for left_out in range(min(len(texts), 3)):
        others = class_counts(pa.array(texts[:left_out] + texts[left_out + 1 :], pa.string()))
        assert np.abs(counts - others).sum() == 1


@UNTIMED
@given(TEXTS)
def test_the_class_of_a_value_does_not_depend_on_its_neighbours(texts: list[str | None]) -> None:
    together = classify(pa.array(texts, pa.string()))
    alone = [classify(pa.array([text], pa.string()))[0] for text in texts[:5]]
    assert together[:5].tolist() == alone


NUMBER_TEXTS = st.from_regex(r"[+-]?[0-9]{0,12}\.?[0-9]{0,8}([eE][+-]?[0-9]{1,2})?", fullmatch=True)


@UNTIMED
@given(st.lists(NUMBER_TEXTS | TEXTS.map(str), min_size=1))
def test_a_value_is_of_a_number_class_exactly_if_it_is_read_as_a_number(texts: list[str]) -> None:
    array = pa.array(texts)
    column = Column(name="x", spark_type="string", kind=Kind.REAL)
    is_number = np.isin(classify(array), [VALUE_CLASSES.index(name) for name in NUMBERS])
    is_read = ~np.isnan(to_numbers(array, column))
    is_one_or_the_other = is_number == is_read
    assert is_one_or_the_other.all()


@UNTIMED
@given(st.dates(min_value=date(1970, 1, 1), max_value=date(2068, 12, 31)))
def test_a_date_is_of_a_class_of_the_format_that_wrote_it(day: date) -> None:
    number = (day - date(1970, 1, 1)).days
    for date_format, classes in DATE_FORMATS.items():
        (text,) = write_clock(np.array([number * 86_400.0]), date_format)
        assert VALUE_CLASSES[classify(pa.array([text]))[0]] in classes
        column = Column(name="x", spark_type="string", kind=Kind.DATE, format=date_format)
        (back,) = to_numbers(pa.array([text]), column)
        assert from_numbers(np.array([back]), column, pa.string()).to_pylist() == [text]
        assert back == number or (back < number and "%d" not in date_format.replace("-", ""))


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (pa.array([7, None]), "integer_1"),
        (pa.array([7.25, None]), "real_2"),
        (pa.array([float("nan"), None]), "nan"),
        (pa.array([Decimal("7.50"), None]), "real_1"),
        (pa.array([Decimal("1E-10"), None], pa.decimal128(38, 18)), "real_10"),
        (pa.array([Decimal(7), None], pa.decimal128(38, 18)), "integer_1"),
        (pa.array([date(2020, 1, 5), None]), "date_iso"),
        (pa.array([datetime(2020, 1, 5), None]), "timestamp_space_day"),
        (pa.array([True, None]), "word true"),
        (pa.array(["7", None]).dictionary_encode(), "integer_1"),
        (pa.array(["7", None], pa.large_string()), "integer_1"),
        (pa.array([[7], None]), "opaque"),
        (pa.array([b"7", None]), "opaque"),
        (pa.nulls(2), "null"),
    ],
)
def test_columns_of_any_type_are_classified(array: pa.Array, expected: str) -> None:
    assert [VALUE_CLASSES[code] for code in classify(array)] == [expected, "null"]


def test_bytes_that_are_no_text_have_a_class_too() -> None:
    offsets = pa.py_buffer(np.array([0, 2, 7], np.int32))
    broken = pa.Array.from_buffers(pa.string(), 2, [None, offsets, pa.py_buffer(b"\xff\xfeab\xffcd")])
    assert class_counts(broken).sum() == 2


def test_slices_and_chunks_are_read_from_their_own_start() -> None:
    array = pa.array(["4111 1111 1111 1111", "GB82WEST12345698765432", "7", None])
    chunked = pa.chunked_array([array.slice(1, 1), array.slice(2)])
    assert classify(chunked).tolist() == classify(array).tolist()[1:]
