"""What many lines add up to, against asking every privacy unit by itself."""

from hypothesis import given, settings
from hypothesis import strategies as st

from synth.privacy import accountant
from synth.privacy.budget import DiscreteGaussian, Event, NoPrivacy, Partitions
from synth.privacy.entry import Entry, epsilon_of, epsilon_path, streams

DELTA = 1e-5
DAYS = ("1", "2", "3", "4")
ELSEWHERE = "a day that no line names"


def line(number: int, event: Event, days: tuple[str, ...] | None) -> Entry:
    return Entry(
        id=number, table="t", unit="row", stage="train", events=(event,), run="r", config="c", version="1",
        user="ada", charged_at="2026-11-01T00:00:00+00:00",
        partitions=None if days is None else Partitions(column="day", values=days),
    )  # fmt: skip


def noise(scale: float) -> DiscreteGaussian:
    return DiscreteGaussian(scale=scale, sensitivity=1, count=1)


EVENTS = st.one_of(st.sampled_from([10.0, 20.0, 40.0]).map(noise), st.just(NoPrivacy()))
PLACES = st.none() | st.lists(st.sampled_from(DAYS), min_size=1, max_size=3, unique=True).map(tuple)
BOOKS = st.lists(st.tuples(EVENTS, PLACES), max_size=5).map(
    lambda rows: [line(number, *row) for number, row in enumerate(rows)]
)


def touching(entries: list[Entry], day: str) -> list[Event]:
    """Brute force: the noisy events that a unit whose rows lie in `day` is touched by."""
    events: list[Event] = []
    for entry in entries:
        if entry.events == (NoPrivacy(),):
            continue
        if entry.partitions is None or day in entry.partitions.values:
            events.extend(entry.events)
    return events


@settings(max_examples=40)
@given(BOOKS)
def test_epsilon_is_that_of_the_unit_that_is_seen_most(entries: list[Entry]) -> None:
    by_unit = [accountant.epsilon(touching(entries, day), DELTA) for day in (*DAYS, ELSEWHERE)]
    assert epsilon_of(entries, DELTA) == max(by_unit)


@given(BOOKS)
def test_streams_are_the_kinds_of_units(entries: list[Entry]) -> None:
    found = streams(entries)
    units = [touching(entries, day) for day in (*DAYS, ELSEWHERE)]
    assert all(unit in found for unit in units)
    assert all(stream in units for stream in found)


@settings(max_examples=40)
@given(BOOKS, st.lists(st.sampled_from([*DAYS, ELSEWHERE]), min_size=1, max_size=3, unique=True))
def test_a_new_charge_on_some_days_comes_on_top_of_their_most_seen_unit(
    entries: list[Entry], days: list[str]
) -> None:
    asked = Partitions(column="day", values=tuple(days))
    by_unit = [accountant.epsilon([*touching(entries, day), noise(10)], DELTA) for day in days]
    assert epsilon_of(entries, DELTA, partitions=asked, on_top=[noise(10)]) == max(by_unit)


@settings(max_examples=40)
@given(BOOKS)
def test_the_path_is_epsilon_of_every_beginning_of_the_book(entries: list[Entry]) -> None:
    whole = tuple(epsilon_of(entries[: end + 1], DELTA) for end in range(len(entries)))
    assert epsilon_path(entries, DELTA) == whole


def test_disjoint_days_are_parallel_and_shared_days_a_sequence() -> None:
    one, two = accountant.epsilon([noise(10)], DELTA), accountant.epsilon([noise(10), noise(10)], DELTA)
    assert epsilon_of([line(1, noise(10), ("1",)), line(2, noise(10), ("2",))], DELTA) == one
    assert epsilon_of([line(1, noise(10), ("1", "2")), line(2, noise(10), ("2", "3"))], DELTA) == two
    assert two > one


def test_a_line_on_the_whole_table_comes_on_top_of_every_day() -> None:
    entries = [line(1, noise(10), ("1",)), line(2, noise(20), ("2",)), line(3, noise(40), None)]
    assert epsilon_of(entries, DELTA) == accountant.epsilon([noise(10), noise(40)], DELTA)
    assert streams(entries, Partitions(column="day", values=(ELSEWHERE,))) == [[noise(40)]]


def test_an_empty_book_has_spent_nothing() -> None:
    assert epsilon_of([], DELTA) == 0
    assert streams([], None) == [[]]
