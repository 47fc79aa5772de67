"""How a number is written: a picture such as `$#,##0.00`, which is public grammar and holds no data.

A picture is a prefix, digits and a suffix:

| picture | writes | of |
|---|---|---|
| `0` | `7` | 7 |
| `00000` | `00680` | 680: at least that many digits |
| `0.00` | `12.50` | 12.5: exactly two decimals |
| `0.0#` | `12.0`, `12.25` | 12, 12.25: one or two decimals |
| `#.00` | `.25` | 0.25: no zero before the point |
| `#,##0.00` | `1,234.50` | the mark between `#` and `##0` parts thousands |
| `#.##0,00` | `1.234,50` | the last mark is the decimal one |
| `$#,##0`, `0.0%`, `0 kg` | `$1,234`, `5.3%`, `12 kg` | what is no digit is written as it stands |
| `+0.0` | `+5.0`, `-5.0` | positive numbers carry a sign too |
| `($0.00)` | `($5.00)`, `$5.00` | negative numbers stand in brackets |
| `$-0.00`, `0.00-` | `$-5.00`, `5.00-` | where the minus stands, if not in front |
| `0.00e+00` | `1.25e-05` | 0.0000125: a power of ten |
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache

_DIGITS = re.compile(
    r"(?P<whole>#(?P<grouping>[,.'  \u202f])##0|0+|#(?=[.,]))"
    r"(?P<decimals>(?P<point>[.,])(?P<always>0*)(?P<maybe>#*))?(?P<exponent>[eE]\+?0+)?"
)
_EXACT_DIGITS = 15
"""Decimal digits that a float64 always carries."""


class Negative(StrEnum):
    """Where the sign of a negative number stands."""

    FRONT = "front"
    INNER = "inner"
    BRACKETS = "brackets"
    BEHIND = "behind"


@dataclass(frozen=True, kw_only=True)
class NumberFormat:
    """A picture, taken apart.

    Attributes:
      prefix, suffix: written before and after the digits.
      grouping: mark between thousands; empty if none.
      width: digits before the point at least; 0 leaves out a zero there.
      point: the decimal mark.
      always, maybe: decimals that are always written, and further ones that are left out when zero.
      negative: where the minus stands. plus: whether positive numbers carry a sign.
      exponent: how the power of ten is written, such as `e+00`; None without one.
    """

    prefix: str = ""
    suffix: str = ""
    grouping: str = ""
    width: int = 1
    point: str = "."
    always: int = 0
    maybe: int = 0
    negative: Negative = Negative.FRONT
    plus: bool = False
    exponent: str | None = None

    @property
    def decimals(self) -> int:
        """Most digits after the point."""
        return self.always + self.maybe

    @property
    def picture(self) -> str:
        """The picture that `number_format` reads."""
        whole = f"#{self.grouping}##0" if self.grouping else "0" * self.width or "#"
        point = self.point if self.decimals else ""
        digits = f"{whole}{point}{'0' * self.always}{'#' * self.maybe}{self.exponent or ''}"
        match self.negative:
            case Negative.INNER:
                return f"{self.prefix}-{digits}{self.suffix}"
            case Negative.BEHIND:
                return f"{self.prefix}{digits}{self.suffix}-"
            case Negative.BRACKETS:
                return f"({self.prefix}{digits}{self.suffix})"
            case Negative.FRONT:
                return f"{'+' if self.plus else ''}{self.prefix}{digits}{self.suffix}"

    def write(self, number: float) -> str:
        """The number as the picture writes it, rounded to its decimals."""
        digits, is_negative = self._digits(number)
        match self.negative:
            case _ if not is_negative:
                return f"{'+' if self.plus else ''}{self.prefix}{digits}{self.suffix}"
            case Negative.FRONT:
                return f"-{self.prefix}{digits}{self.suffix}"
            case Negative.INNER:
                return f"{self.prefix}-{digits}{self.suffix}"
            case Negative.BRACKETS:
                return f"({self.prefix}{digits}{self.suffix})"
            case Negative.BEHIND:
                return f"{self.prefix}{digits}{self.suffix}-"

    def _digits(self, number: float) -> tuple[str, bool]:
        """The digits of the number's size, and whether a sign is due: not for what is rounded to zero."""
        size = abs(number)
        if self.exponent is not None:
            return self._scientific(size), number < 0
        text = fixed(size, self.decimals)
        is_zero = not text.strip("0.")
        whole, _, after = text.partition(".")
        for _ in range(self.maybe):
            if not after.endswith("0"):
                break
            after = after[:-1]
        if self.grouping:
            whole = f"{int(whole):,}".replace(",", self.grouping)
        elif self.width == 0 and whole == "0" and after:
            whole = ""
        else:
            whole = whole.zfill(self.width)
        return (f"{whole}{self.point}{after}" if after else whole), number < 0 and not is_zero

    def _scientific(self, size: float) -> str:
        assert self.exponent is not None
        if self.decimals and not self.maybe:
            mantissa, _, power = f"{size:.{self.always}e}".partition("e")
        else:
            mantissa, _, power = f"{Decimal(repr(size)).normalize():e}".partition("e")
            before, _, after = mantissa.partition(".")
            after = after.ljust(self.always, "0")
            mantissa = f"{before}.{after}" if after else before
        plus = "+" if "+" in self.exponent else ""
        sign = "-" if int(power) < 0 else plus
        digits = str(abs(int(power))).zfill(self.exponent.count("0"))
        return f"{mantissa.replace('.', self.point)}{self.exponent[0]}{sign}{digits}"


@lru_cache(maxsize=1024)
def number_format(picture: str) -> NumberFormat:
    """The picture taken apart.

    Raises: ValueError if it has no digits.
    """
    found = _DIGITS.search(picture)
    if found is None:
        raise ValueError(f"{picture!r} has no digits; write a picture such as '#,##0.00' or '$0.00'")
    prefix, suffix = picture[: found.start()], picture[found.end() :]
    negative, plus = Negative.FRONT, False
    if prefix.startswith("(") and suffix.endswith(")"):
        negative, prefix, suffix = Negative.BRACKETS, prefix[1:], suffix[:-1]
    elif prefix.endswith("-"):
        negative, prefix = Negative.INNER, prefix[:-1]
    elif suffix.endswith("-"):
        negative, suffix = Negative.BEHIND, suffix[:-1]
    elif prefix.startswith("+"):
        plus, prefix = True, prefix[1:]
    whole = found["whole"]
    return NumberFormat(
        prefix=prefix,
        suffix=suffix,
        grouping=found["grouping"] or "",
        width=1 if found["grouping"] else whole.count("0"),
        point=found["point"] or ("," if found["grouping"] == "." else "."),
        always=len(found["always"] or ""),
        maybe=len(found["maybe"] or ""),
        negative=negative,
        plus=plus,
        exponent=found["exponent"],
    )


def is_clock(format: str | None) -> bool:
    """Whether a column's format is one of dates and times (`%H:%M`), not a picture of numbers (`0.0%`)."""
    return format is not None and re.search(r"%[-^]?\d?[A-Za-z]", format) is not None


def fixed(number: float, decimals: int) -> str:
    """A finite number with exactly that many decimals, without digits that a float64 does not carry."""
    if decimals <= 6 and abs(number) < 10.0 ** (_EXACT_DIGITS - decimals):
        return f"{number:.{decimals}f}"
    return f"{Decimal(repr(float(number))):.{decimals}f}"
