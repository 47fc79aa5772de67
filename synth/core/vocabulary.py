"""Public lists of words that columns often hold: what may be counted without asking who is in the table.

A list is a convention that everybody knows, such as the days of a week or the states of a country. Whether a
column uses one is read off released counts alone.
"""

import functools
import math
from collections.abc import Collection, Iterable, Mapping
from string import ascii_lowercase, ascii_uppercase

Words = tuple[str, ...]

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September", "October"),
    *("November", "December"),
)
_PHRASES: tuple[Words, ...] = (
    ("Yes", "No", "Maybe", "Don't know", "Not sure", "Unsure", "Unknown", "Other", "None", "Some of them"),
    ("Always", "Usually", "Often", "Sometimes", "Occasionally", "Rarely", "Seldom", "Never"),
    ("Daily", "Weekly", "Biweekly", "Monthly", "Quarterly", "Yearly", "Annually", "Never", "Once", "Hourly"),
    (
        *("Strongly agree", "Agree", "Somewhat agree", "Slightly agree", "Neutral", "Undecided"),
        *("Neither agree nor disagree", "Slightly disagree", "Somewhat disagree", "Disagree"),
        "Strongly disagree",
    ),
    (
        *("Very satisfied", "Satisfied", "Somewhat satisfied", "Neutral", "Somewhat dissatisfied"),
        *("Dissatisfied", "Very dissatisfied", "Neither satisfied nor dissatisfied"),
    ),
    (
        *("Very easy", "Somewhat easy", "Easy", "Neither easy nor difficult", "Don't know", "Neutral"),
        *("Somewhat difficult", "Difficult", "Very difficult"),
    ),
    ("Very likely", "Likely", "Somewhat likely", "Neutral", "Somewhat unlikely", "Unlikely", "Very unlikely"),
    (
        *("Not at all", "Not important", "Slightly important", "Somewhat important", "Important"),
        *("Moderately important", "Very important", "Extremely important"),
    ),
    ("Excellent", "Very good", "Good", "Average", "Fair", "Poor", "Very poor", "Bad", "Terrible", "Okay"),
    ("Very low", "Low", "Medium", "Moderate", "Normal", "High", "Very high", "Critical", "Urgent", "None"),
    ("Extra small", "Small", "Medium", "Large", "Extra large"),
    ("Male", "Female", "Man", "Woman", "Other", "Non-binary", "Nonbinary", "Unknown", "Transgender"),
    (
        *("Single", "Married", "Divorced", "Widowed", "Separated", "Never married", "Domestic partner"),
        *("Cohabiting", "Engaged", "Civil union", "Unknown"),
    ),
    ("North", "South", "East", "West", "Northeast", "Northwest", "Southeast", "Southwest", "Central"),
    ("Africa", "Asia", "Europe", "North America", "South America", "Oceania", "Antarctica", "America"),
    (
        *("Black", "White", "Gray", "Grey", "Silver", "Red", "Blue", "Green", "Yellow", "Orange", "Brown"),
        *("Purple", "Pink", "Gold", "Beige", "Navy"),
    ),
    ("Spring", "Summer", "Autumn", "Fall", "Winter"),
    (
        *(
            "Open",
            "Closed",
            "Pending",
            "Active",
            "Inactive",
            "Cancelled",
            "Canceled",
            "Completed",
            "Approved",
        ),
        *("Rejected", "In progress", "New", "On hold", "Delivered", "Shipped", "Returned", "Failed"),
    ),
    ("Full-time", "Part-time", "Full time", "Part time", "Contract", "Temporary", "Freelance", "Internship"),
    ("Cash", "Credit card", "Debit card", "Bank transfer", "Check", "Cheque", "PayPal", "Electronic check"),
)
"""Answers, degrees, ratings, states of affairs: as they are written in questionnaires and drop-down lists."""
_SIZES = ("XXS", "XS", "S", "M", "L", "XL", "XXL", "XXXL", "2XL", "3XL")
_BLOOD = ("A+", "A-", "B+", "B-", "AB+", "AB-", "O+", "O-")
_DIGITS = tuple(str(number) for number in range(11))
_ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X")
_NO_EVIDENCE = frozenset({"NA", "NaN", "None", "none", "Unknown", "unknown", "Other", "other"})
"""Words that say nothing of the list that the others are of: they may stand in any."""
_TOGETHER = 4.5
"""Noise scales that the sum of a list's words must exceed: of 300,000 lists one does by chance."""
_LEAST = 1.5
"""Noise scales that a word of a list in use must exceed at least."""


@functools.cache
def public_lists() -> tuple[Words, ...]:
    """The lists, each without repeats; a word may be in several."""
    from faker.providers.address.en_US import Provider as Places
    from faker.providers.currency import Provider as Money

    lists: list[Iterable[str]] = [
        *((*_DAYS, *(day[:3] for day in _DAYS)), (*_MONTHS, *(month[:3] for month in _MONTHS))),
        *_PHRASES,
        *(_SIZES, _BLOOD, _DIGITS, _ROMAN, ascii_uppercase),
        *(Places.states, (*Places.states_abbr, *Places.territories_abbr)),
        *(_countries(), Places.alpha_2_country_codes, Places.alpha_3_country_codes),
        [code for code, _ in Money.currencies],
    ]
    capitals = [ascii_lowercase, *(_lower(words) for words in _spelt(lists))]
    return tuple(tuple(dict.fromkeys(words)) for words in (*lists, *capitals))


def _countries() -> Words:
    from faker.providers.address.en_US import Provider as Places

    usual = ("United States", "USA", "UK", "Russia", "South Korea", "Vietnam", "Tanzania", "Bolivia", "Iran")
    return (*Places.countries, *usual, "Czech Republic", "Moldova", "Syria", "Taiwan", "Venezuela")


def _spelt(lists: list[Iterable[str]]) -> list[Words]:
    """The lists of words that are written in small letters as well."""
    return [tuple(words) for words in lists[: 2 + len(_PHRASES)]]


def _lower(words: Words) -> Words:
    return tuple(word.lower() for word in words)


@functools.cache
def public_words() -> Words:
    """Every word of every list once."""
    return tuple(dict.fromkeys(word for words in public_lists() for word in words))


def believed(
    noisy: Mapping[str, float], named: Collection[str], scale: float, room: float
) -> dict[str, float]:
    """Words that are taken to occur, by their noisy counts; post-processing of released figures.

    A list is in use where two of its words are named, or the only value that is, or where all its words
    together stand out. Of those lists the heaviest words count that stand out of as much noise as so many
    words have (the universal threshold of Donoho and Johnstone 1994), as long as there is room.
    Args:
      noisy: noisy count of each public word.
      named: values that were released as frequent beyond doubt, public words among them.
      scale: of the noise.
      room: rows that are neither null nor of a named value.
    """
    sure = set(named) - _NO_EVIDENCE
    used = [words for words in public_lists() if _is_used(words, noisy, sure, scale)]
    asked = dict.fromkeys(word for words in used for word in words if word not in sure)
    least = scale * max(_LEAST, math.sqrt(2 * math.log(max(len(asked), 1))))
    kept: dict[str, float] = {}
    for word in sorted(asked, key=lambda word: -noisy[word]):
        if noisy[word] <= least or sum(kept.values()) >= room:
            break
        kept[word] = noisy[word]
    return kept


@functools.cache
def completion(named: Words) -> Words:
    """The other words of the shortest list that all of these words are of; none if there is no such list."""
    known = set(named) - _NO_EVIDENCE
    lists = [words for words in public_lists() if known and known <= set(words)]
    return tuple(word for word in min(lists, key=len, default=()) if word not in named)


def _is_used(words: Words, noisy: Mapping[str, float], sure: Collection[str], scale: float) -> bool:
    known = sum(word in sure for word in words)
    if known >= 2 or (known and len(sure) == 1):
        return True
    return sum(noisy[word] for word in words) > _TOGETHER * scale * math.sqrt(len(words))
