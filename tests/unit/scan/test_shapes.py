"""Where marks stand, and how an exponent is written, are classes of their own."""

import pyarrow as pa
import pytest

from synth.scan.classes import class_counts
from synth.scan.spellings import VALUE_CLASSES


def class_of(text: str) -> str:
    return VALUE_CLASSES[int(class_counts(pa.array([text])).argmax())]


@pytest.mark.parametrize(("text", "name"), [
    ("(212) 684-9921", "phone (000) 000-0000"),
    ("+44 20 7183 8750", "phone +00 00 0000 0000"),
    ("212-684-9921", "phone 000-000-0000"),
    ("4111 1111 1111 1111", "card_valid 0000 0000 0000 0000"),
    ("1.250000E+13", "exponent_fixed_capital_6"),
    ("1.250000e+13", "exponent_fixed_6"),
    ("4E5", "exponent_bare_capital"),
    ("99991231", "date_compact"),
])  # fmt: skip
def test_a_spelling_has_its_class(text: str, name: str) -> None:
    assert class_of(text) == name
