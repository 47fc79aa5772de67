"""In which formats dates are written, judged through noise."""

import numpy as np

from synth.scan.calendars import DATE_FORMATS, dates
from synth.scan.evidence import ClassCounts

FORMAT = "%-m/%-d/%Y"
NAMES = tuple(dict.fromkeys(name for classes in DATE_FORMATS.values() for name in classes))


def test_noise_alone_gives_a_column_of_few_dates_no_second_format() -> None:
    """At most 9 times in 6,000: a rate of 3 in 10,000 gives more once in a million such tests."""
    draws, seen = np.random.default_rng(0), 0
    for noise in 15 * draws.standard_normal((6_000, len(NAMES))):
        counts = dict(zip(NAMES, noise.tolist(), strict=True))
        counts[DATE_FORMATS[FORMAT][0]] += 200
        seen += "|" in dates(ClassCounts(counts=counts, n_rows=1171.0, noise_scale=15.0)).format
    assert seen <= 9


def test_a_second_format_of_a_tenth_of_the_dates_is_seen() -> None:
    other = "%d %b %y"
    counts = {DATE_FORMATS[FORMAT][0]: 900.0, DATE_FORMATS[other][0]: 100.0}
    assert dates(ClassCounts(counts=counts, n_rows=1000.0, noise_scale=15.0)).format == f"{FORMAT}|{other}"
