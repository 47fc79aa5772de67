"""Made-up values in the shape that a scan released: where letters, digits and marks stand."""

import re

import numpy as np
import pyarrow as pa

from synth.core.schema import Column
from synth.generate.context import RowContext
from synth.generate.draw import permuted
from synth.generate.text import ascii_rows, hexadecimal, shaped

CODE_SHAPE = re.compile(r"code_A(?P<a>\d+)_D(?P<d>\d+)|code_D(?P<d2>\d+)_A(?P<a2>\d+)|hex_(?P<hex>\d+)")


def code(column: Column, context: RowContext, shape: re.Match[str]) -> pa.Array:
    """One word of as many letters and digits as the source's have, no two alike while there are enough."""
    if shape["hex"]:
        width = int(shape["hex"])
        bits = context.bits(column.name, -(-width // 16))
        rows = np.concatenate([hexadecimal(part) for part in bits.T], axis=1)
        return ascii_rows(rows[:, :width])
    letters, n_digits = int(shape["a"] or shape["a2"]), int(shape["d"] or shape["d2"])
    size = 26**letters * 10**n_digits
    serials = permuted(context.row_ids, size, context.key(column.name))
    return shaped(serials, letters, n_digits, letters_first=bool(shape["a"]))


def picture_of(column: Column) -> str | None:
    """Where the marks of a card or a telephone number stand, `0` for a digit; None if that is not known."""
    name, _, picture = (column.value_class or "").partition(" ")
    return picture or None if name in ("phone", "card_valid") else None
