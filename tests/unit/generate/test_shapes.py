"""Made-up words have as many letters and digits as the source's, where its marks stand."""

import re

import numpy as np
import pyarrow as pa
import pytest

from synth.generate.shapes import CODE_SHAPE
from synth.generate.text import in_picture, shaped


def test_codes_of_a_shape_never_repeat() -> None:
    made = shaped(np.arange(26 * 100), 1, 2, letters_first=True).to_pylist()
    assert len(set(made)) == 2600
    assert all(re.fullmatch(r"[A-Z]\d\d", code) for code in made)
    assert shaped(np.array([0, 100]), 1, 2, letters_first=False).to_pylist() == ["00A", "00B"]


@pytest.mark.parametrize(("picture", "written"), [
    ("(000) 000-0000", "(212) 555-0100"), ("+00 00 0000 0000", "+99 21 2555 0100"), ("000-0000", "555-0100"),
])  # fmt: skip
def test_digits_stand_where_the_picture_has_zeros(picture: str, written: str) -> None:
    assert in_picture(pa.array(["992125550100"]), picture).to_pylist() == [written]


def test_shapes_are_read() -> None:
    assert all(CODE_SHAPE.fullmatch(name) for name in ("code_A2_D6", "code_D3_A1", "hex_16"))
    assert CODE_SHAPE.fullmatch("code") is None
