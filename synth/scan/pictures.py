"""In which picture a column's numbers are written, judged from noisy class counts."""

from dataclasses import dataclass, replace

from synth.core.spelling import Negative, NumberFormat, number_format
from synth.scan.evidence import ClassCounts
from synth.scan.spellings import (
    AFFIXES,
    AMOUNTS,
    CORES,
    EXPONENTS,
    FRACTIONS,
    INTEGERS,
    NUMBERS,
    OPEN_REALS,
    PLUS_REALS,
    REALS,
    SIGNED,
    VALUE_CLASSES,
    ZERO_PADDED,
    amount,
)

_FEW = 0.02  # share below which reals among integers are strays
_GROUPED = 0.002  # share from which thousands are parted: short numbers do not show it
_STRAY = 0.03  # share of other decimals that a column of fixed decimals may hold
_MOSTLY = 0.7  # share of values of the most frequent number of decimals that may be all of them
_STANDS_OUT = 3.5  # standard deviations of noise above which another number of decimals occurs
_AFFIXED = 0.3  # share of values with a currency or unit that makes it a column of them
_MANY_DIGITS = 15
_MOST_DECIMALS = len(REALS)
_BRACKETS = {"0": "(0)", "$0": "($0)", "€0": "(€0)", "£0": "(£0)"}
_MINUSES = ("amount_inner_minus", "amount_behind_minus")


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """How numbers are written.

    Attributes:
      classes: the classes that are read as numbers.
      damaged: classes of numbers that something broke, with marks where none can be.
      decimals: digits after the point; None if they need too many, 0 for whole numbers.
      picture: None for the plain form of that many decimals.
      width: digits of codes with leading zeros; None if there are none, 0 if their width varies.
    """

    classes: tuple[str, ...]
    damaged: tuple[str, ...]
    decimals: int | None
    picture: str | None
    width: int | None = None

    @property
    def is_whole(self) -> bool:
        return self.decimals == 0


def numbers(counts: ClassCounts) -> Numbers:
    """How most of a column's numbers are written."""
    affix = _affix(counts)
    point = _point(counts, affix)
    classes, damaged = _read(affix, point)
    grouping = _grouping(counts, affix, point)
    is_plain = affix == "0" and point == "." and not grouping
    width = _width(counts) if is_plain else None
    if width:
        return Numbers(classes=classes, damaged=damaged, decimals=0, picture="0" * width, width=width)
    exponent = _exponent(counts) if is_plain else None
    if exponent is not None:
        return Numbers(classes=classes, damaged=damaged, decimals=None, picture=exponent)
    places = _decimals(counts, affix, point)
    picture = _picture(counts, affix, point, grouping, places)
    return Numbers(classes=classes, damaged=damaged, decimals=places.most, picture=picture, width=width)


@dataclass(frozen=True, kw_only=True)
class _Places:
    """Digits after the point: always so many, at most so many; `most` None if too many."""

    always: int
    most: int | None


def decimals_of(counts: ClassCounts) -> int | None:
    """The fewest digits after the point that 99 numbers in 100 make do with; None if they need too many."""
    return _fewest(counts, "0", ".")


def _affix(counts: ClassCounts) -> str:
    """The currency, unit or percent sign that most values have; `0` if they have none."""
    totals = {affix: counts.seen(AMOUNTS[affix]) for affix in AFFIXES if affix not in ("0", "(0)")}
    for plain, bracketed in _BRACKETS.items():
        if plain in totals:
            totals[plain] += totals.pop(bracketed)
    totals["0%"] += totals["+0%"]
    best = max(totals, key=lambda affix: totals[affix])
    base = "0%" if best == "+0%" else best
    is_sure = counts.surely_hold(_of(base, *CORES), 0.0, among=len(VALUE_CLASSES))
    return base if is_sure and totals[best] >= _AFFIXED * max(counts.n_values, 1) else "0"


def _families(affix: str) -> tuple[str, ...]:
    also = [_BRACKETS[affix]] if affix in _BRACKETS else ["+0%"] if affix == "0%" else []
    return (affix, *also)


def _of(affix: str, *cores: str) -> tuple[str, ...]:
    """The classes of an affix, in all its signs, that have one of the cores."""
    wanted = [amount(one, core) for one in _families(affix) for core in cores]
    known = {name for one in _families(affix) for name in AMOUNTS[one]}
    return tuple(name for name in wanted if name in known)


def _cores(mark: str, first: int = 0) -> tuple[str, ...]:
    return tuple(f"{mark}_{places}" for places in range(first, 5))


def _point(counts: ClassCounts, affix: str) -> str:
    """The decimal mark: which of the two surely stands before what cannot be thousands."""
    commas = ("comma_1", "comma_2", "comma_4", "comma_3_sure", *_cores("eu", 1), *_cores("blank_comma", 1))
    points = ("point_1", "point_2", "point_4", *_cores("us", 1), *_cores("blank_point", 1), *_cores("swiss"))
    plain = tuple(name for name in (*FRACTIONS, "real_whole") if name != "real_3") if affix == "0" else ()
    comma, pointed = counts.seen(_of(affix, *commas)), counts.seen((*_of(affix, *points), *plain))
    if counts.surely_hold(_of(affix, *commas), 0.0, among=len(VALUE_CLASSES)):
        return "," if comma > pointed else "."
    if counts.surely_hold((*_of(affix, *points), *plain), 0.0):
        return "."
    grouped = _of(affix, "eu_0")
    is_grouped = counts.surely_hold(grouped, 0.0, among=len(VALUE_CLASSES))
    return "," if is_grouped and counts.seen(grouped) > counts.seen(_of(affix, "us_0", "comma_3")) else "."


def _read(affix: str, point: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The classes that are numbers with that affix and mark, and those that would be with the other."""
    behind = ("amount_behind_minus", *(() if affix == "0" else ("amount_inner_minus",)))
    if point == ".":
        marks = (*_cores("us"), "comma_3", *_cores("blank_point"), "blank_comma_0", *_cores("swiss"))
        broken = _of(affix, *_cores("eu"), "comma_1", "comma_2", "comma_4", "comma_3_sure")
        read = _of(affix, "none", *_cores("point", 1), *marks)
        return (*NUMBERS, *read, *behind), ("number_grouped", *broken)
    marks = (*_cores("comma", 1), "comma_3_sure", *_cores("eu"), "point_3", *_cores("blank_comma"))
    read = _of(affix, "none", *marks)
    return (*INTEGERS, *ZERO_PADDED, "real_3", *read, *behind), ("number_grouped",)


def _grouping(counts: ClassCounts, affix: str, point: str) -> str:
    """The mark between thousands; empty if there is none."""
    if point == ".":
        classes = {
            ",": _of(affix, *_cores("us"), "comma_3"),
            "'": _of(affix, *_cores("swiss")),
            " ": _of(affix, *_cores("blank_point", 1), "blank_comma_0"),
        }
    else:
        thousands = ("real_3",) if affix == "0" else ()
        classes = {
            ".": (*_of(affix, *_cores("eu"), "point_3"), *thousands),
            " ": _of(affix, *_cores("blank_comma")),
        }
    best = max(classes, key=lambda mark: counts.seen(classes[mark]))
    return best if counts.surely_hold(classes[best], _GROUPED, among=len(VALUE_CLASSES)) else ""


def _by_places(affix: str, point: str) -> dict[int, tuple[str, ...]]:
    """Classes by the digits after the point, whole numbers under 0."""
    none = _of(
        affix,
        "none",
        "blank_comma_0",
        *(("us_0", "comma_3", "swiss_0") if point == "." else ("eu_0", "point_3")),
    )
    places: dict[int, tuple[str, ...]] = {0: (*INTEGERS, *ZERO_PADDED, *none)}
    marks = ("point", "us", "blank_point", "swiss") if point == "." else ("comma", "eu", "blank_comma")
    for digits in range(1, _MOST_DECIMALS + 1):
        cores = [
            f"{mark}_{digits}" for mark in marks if not (digits == 3 and mark == "comma" and point == ".")
        ]
        plain = [f"{kind}_{digits}" for kind in ("real", "real_open", "real_plus")] if point == "." else []
        sure = ["comma_3_sure"] if digits == 3 and point == "," else []
        known = {*REALS, *OPEN_REALS, *PLUS_REALS}
        places[digits] = (*_of(affix, *cores, *sure), *(name for name in plain if name in known))
    return places


def _decimals(counts: ClassCounts, affix: str, point: str) -> _Places:
    by_places = _by_places(affix, point)
    by_places[1] = (*by_places[1], "real_whole")
    totals = {digits: counts.seen(classes) for digits, classes in by_places.items()}
    total = sum(totals.values()) + counts.seen(("real_many",))
    best = max(totals, key=lambda digits: totals[digits])
    # By chance one in ten of longer decimals ends in a zero, which is left out unless decimals are fixed.
    is_fixed = best > 0 and totals[best] >= _MOSTLY * total
    if is_fixed and not any(_stands_out(counts, by_places[d], total) for d in totals if d != best):
        fractions = tuple(name for name in by_places[1] if name != "real_whole")
        only_zeros = best == 1 and not counts.surely_hold(fractions, _FEW)
        return _Places(always=best, most=0 if only_zeros else best)
    most = _fewest(counts, affix, point)
    has_whole = counts.surely_hold(by_places[0], _FEW)
    if most == 0 or has_whole:
        return _Places(always=0, most=most)
    return _Places(always=1, most=most)


def _stands_out(counts: ClassCounts, classes: tuple[str, ...], total: float) -> bool:
    """Whether a number of decimals occurs beside the usual one, as far as the noise lets us see."""
    limit = max(_STANDS_OUT * counts.noise_scale, _STRAY * total)
    alone = any(counts.counts.get(name, 0.0) > limit for name in classes)
    return alone or (counts.height(classes) > _STANDS_OUT and counts.raw(classes) > _STRAY * total)


def _fewest(counts: ClassCounts, affix: str, point: str) -> int | None:
    by_places = _by_places(affix, point)
    rest = ("real_many", *EXPONENTS) if affix == "0" else ()
    for digits in range(_MOST_DECIMALS + 1):
        more = tuple(name for d in range(digits + 1, _MOST_DECIMALS + 1) for name in by_places[d])
        if not counts.surely_hold((*more, *rest), _FEW if digits == 0 else 0.01):
            return digits
    return None


def _picture(counts: ClassCounts, affix: str, point: str, grouping: str, places: _Places) -> str | None:
    around = number_format(affix)
    most = places.most
    always = min(places.always, most) if most else places.always
    # Numbers of more digits than can be told keep those that a float64 carries.
    maybe = (_MANY_DIGITS if most is None else most) - always
    signed = ("integer_plus", *PLUS_REALS)
    unsigned = tuple(name for name in (*INTEGERS, *REALS) if name not in SIGNED)
    plus = counts.surely_hold((*signed, *AMOUNTS["+0%"]), 0.1) or (
        counts.surely_hold(signed, 0.0) and counts.seen(signed) > counts.seen(unsigned)
    )
    form = NumberFormat(
        prefix=around.prefix,
        suffix=around.suffix,
        grouping=grouping,
        width=0 if counts.surely_hold(OPEN_REALS, _FEW) and not grouping else 1,
        point=point,
        always=always,
        maybe=max(0, maybe),
        negative=_negative(counts, affix),
        plus=plus,
    )
    is_plain = replace(form, always=0, maybe=0) == NumberFormat()
    if is_plain and (most is None or (form.maybe == 0 and form.always == most)):
        return None
    if form.width == 0 and not form.decimals:
        return None
    return form.picture


def _negative(counts: ClassCounts, affix: str) -> Negative:
    if affix in _BRACKETS and counts.surely_hold(AMOUNTS[_BRACKETS[affix]], 0.0):
        return Negative.BRACKETS
    if affix != "0" and counts.surely_hold(("amount_inner_minus",), 0.0):
        return Negative.INNER
    return Negative.BEHIND if counts.surely_hold(("amount_behind_minus",), 0.0) else Negative.FRONT


def _exponent(counts: ClassCounts) -> str | None:
    """The picture of numbers most of which are written with a power of ten."""
    if not counts.most(EXPONENTS, of=counts.n_values):
        return None
    best = max(EXPONENTS, key=lambda name: counts.raw([name]))
    match best:
        case "exponent_bare":
            return "0e0"
        case "exponent_bare_capital":
            return "0E0"
        case "exponent_java":
            return "0.0###############E0"
        case "exponent_python":
            return "0e+00"
        case "exponent_python_capital":
            return "0E+00"
        case _:
            places = int(best.rpartition("_")[2])
            letter = "E" if "capital" in best else "e"
            is_fixed = counts.raw([best]) >= _MOSTLY * counts.seen(EXPONENTS)
            return f"0.{'0' * places}{letter}+00" if is_fixed else f"0{letter}+00"


def _width(counts: ClassCounts) -> int | None:
    """The width of codes some of which surely have leading zeros: 0 if it varies, None if none have."""
    if not counts.surely_hold(ZERO_PADDED, 0.0):
        return None
    widths = {
        width: (f"zero_padded_{width}", f"integer_{width}" if width < 9 else f"digits_{width}")
        for width in range(2, 13)
    }
    best = max(widths, key=lambda width: counts.raw(widths[width]))
    same = {8: ("date_compact",), 6: ("month_compact",), 10: ("epoch_s",)}.get(best, ())
    others = tuple(name for name in NUMBERS if name not in (*widths[best], *same))
    is_one = counts.raw((*widths[best], *same)) > 0 and not counts.surely_hold(others, 0.01)
    return best if is_one else 0
