"""All cases, by the part of the documentation that lists them."""

from case import Case
from number_cases import SPELLED_NUMBERS, WITH_MISSING_WORDS
from text_cases import CODES, FLAGS, PERSONAL, WORDS
from time_cases import SPELLED_TIMES
from typed_cases import TYPED

CHAPTERS: dict[str, tuple[Case, ...]] = {
    "Types": TYPED,
    "Numbers in columns of strings": (*SPELLED_NUMBERS, *WITH_MISSING_WORDS),
    "Dates and times in columns of strings": SPELLED_TIMES,
    "Flags": FLAGS,
    "Words": WORDS,
    "Codes": CODES,
    "Personal data, and free text": PERSONAL,
}
CASES: tuple[Case, ...] = tuple(case for cases in CHAPTERS.values() for case in cases)
COLUMNS: dict[str, str] = {
    case.name: case.column or f"v{number:03d}" for number, case in enumerate(CASES, start=1)
}
"""Case -> its column's name, which says nothing of what it holds unless the case asks for it."""

assert len(set(COLUMNS.values())) == len(CASES), "cases and their columns have names of their own"
