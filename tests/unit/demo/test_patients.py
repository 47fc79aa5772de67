"""The demo's people: repeatable row by row, and with dependences worth learning."""

import re
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from synth.demo.names import FEMALE, FEMALE_SPANISH
from synth.demo.patients import COLUMNS, RACES, TODAY, patients, splitmix64
from synth.demo.places import CITIES, STATES

Table = dict[str, NDArray[Any]]


@pytest.fixture(scope="module")
def table() -> Table:
    return patients(np.arange(20_000), seed=0)


def test_splitmix64_gives_the_reference_values() -> None:
    # First outputs of the reference implementation for the states 0 and 1234567.
    assert [int(x) for x in splitmix64(np.array([0, 1234567], dtype=np.uint64))] == [
        0xE220A8397B1DCDAF,
        6457827717110365317,
    ]


def test_a_row_depends_on_its_id_only(table: Table) -> None:
    for ids in (np.arange(100, 200), np.array([7]), np.array([19_999, 3, 12_345, 3]), np.arange(0)):
        part = patients(ids, seed=0)
        assert list(part) == list(COLUMNS)
        for name, column in part.items():
            np.testing.assert_array_equal(column, table[name][ids], err_msg=name)


def test_another_seed_gives_other_people(table: Table) -> None:
    other = patients(np.arange(1_000), seed=1)
    assert not set(other["Id"]) & set(table["Id"][:1_000])
    assert (other["CITY"] != table["CITY"][:1_000]).mean() > 0.5


def test_ids_are_unique_uuids(table: Table) -> None:
    assert len(set(table["Id"])) == len(table["Id"])
    assert _all_match(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", table["Id"])


def test_documents_have_their_formats_and_no_number_can_belong_to_a_person(table: Table) -> None:
    assert _all_match(r"999-(?!00)\d\d-(?!0000)\d{4}", table["SSN"])
    assert _all_match(r"S99\d{6}", table["DRIVERS"])
    assert _all_match(r"X\d{8}X", table["PASSPORT"])
    assert _all_match(r"\d{5}", table["ZIP"])


def test_nulls_come_in_their_shares(table: Table) -> None:
    shares = {name: _null(column).mean() for name, column in table.items()}
    expected = {
        "DEATHDATE": 0.83,
        "DRIVERS": 0.30,
        "PASSPORT": 0.42,
        "PREFIX": 0.28,
        "MARITAL": 0.35,
        "ZIP": 0.05,
    }
    assert {name for name, share in shares.items() if share > 0} == set(expected)
    for name, share in expected.items():
        assert abs(shares[name] - share) < 0.03, name


def test_one_state_has_half_of_the_rows_and_all_states_have_some(table: Table) -> None:
    names, counts = np.unique(table["STATE"].astype(str), return_counts=True)
    assert set(names) == {state.name for state in STATES}
    assert 0.47 < counts.max() / counts.sum() < 0.53
    assert counts.min() / counts.sum() < 0.04


def test_city_gives_county_state_zip_and_position(table: Table) -> None:
    places = {(city.name, city.county, city.state): city for city in CITIES}
    for name, county, state, code, latitude, longitude in zip(
        table["CITY"], table["COUNTY"], table["STATE"], table["ZIP"], table["LAT"], table["LON"], strict=True
    ):
        city = places[name, county, state]
        assert code is None or code.startswith(city.zip_prefix)
        assert abs(latitude - city.latitude) < 0.12
        assert abs(longitude - city.longitude) < 0.12


def test_position_depends_on_the_zip_within_a_city(table: Table) -> None:
    boston = (table["CITY"] == "Boston") & ~_null(table["ZIP"])
    latitude, codes = table["LAT"][boston], table["ZIP"][boston]
    within = np.mean([latitude[codes == code].std() for code in set(codes)])
    assert within < 0.1 * latitude.std()


@pytest.mark.parametrize(
    ("one", "other", "bits"),
    [("CITY", "STATE", 1.5), ("STATE", "RACE", 0.02), ("CITY", "ETHNICITY", 0.05), ("PREFIX", "GENDER", 0.6)],
)
def test_columns_tell_about_each_other(table: Table, one: str, other: str, bits: float) -> None:
    shuffled = np.random.default_rng(0).permutation(table[other])
    assert _mutual_information(table[one], table[other]) > bits
    assert _mutual_information(table[one], shuffled) < bits / 4


def test_costs_grow_with_age_and_are_skewed(table: Table) -> None:
    costs, age = table["HEALTHCARE_EXPENSES"], _age(table)
    assert np.corrcoef(np.log(costs), age)[0, 1] > 0.8
    assert costs.mean() > 1.3 * np.median(costs)
    assert costs.min() > 0
    np.testing.assert_array_equal(costs, np.round(costs, 2))


def test_coverage_follows_costs_with_a_spike_at_zero(table: Table) -> None:
    coverage, costs, age = table["HEALTHCARE_COVERAGE"], table["HEALTHCARE_EXPENSES"], _age(table)
    nothing = coverage == 0
    assert 0.03 < nothing.mean() < 0.12
    assert np.all(coverage <= costs)
    assert (coverage / costs)[age >= 65].mean() > 1.5 * (coverage / costs)[(age < 65) & ~nothing].mean()
    texas = table["STATE"] == "Texas"
    assert nothing[texas].mean() > 2 * nothing[~texas].mean()


def test_the_young_have_neither_licence_nor_spouse_nor_prefix(table: Table) -> None:
    age = _age(table)
    assert _null(table["DRIVERS"])[age < 16].all()
    assert _null(table["MARITAL"])[age < 18].all()
    assert _null(table["PREFIX"])[age < 18].all()
    married = table["MARITAL"] == "M"
    assert married[(age > 20) & (age < 26)].mean() < 0.25 < 0.7 < married[(age > 40) & (age < 60)].mean()


def test_prefix_follows_gender_and_marital_status(table: Table) -> None:
    assert set(table["PREFIX"]) == {None, "Mr.", "Ms.", "Mrs.", "Dr."}
    mrs = table["PREFIX"] == "Mrs."
    assert set(table["GENDER"][mrs]) == {"F"}
    assert set(table["MARITAL"][mrs]) == {"M"}
    assert set(table["GENDER"][table["PREFIX"] == "Mr."]) == {"M"}


def test_nobody_dies_before_birth_or_tomorrow_and_death_comes_with_age(table: Table) -> None:
    dead = ~_null(table["DEATHDATE"])
    assert np.all(table["BIRTHDATE"][dead] <= table["DEATHDATE"][dead])
    assert table["DEATHDATE"][dead].max() <= TODAY
    assert table["BIRTHDATE"].max() <= TODAY
    born = table["BIRTHDATE"].astype("datetime64[Y]").astype(int) + 1970
    assert dead[born < 1945].mean() > 0.6 > 0.02 > dead[born > 1990].mean()


def test_first_names_follow_gender_and_some_have_accents(table: Table) -> None:
    women = {name in FEMALE or name in FEMALE_SPANISH for name in table["FIRST"][table["GENDER"] == "F"]}
    assert women == {True}
    accents = np.mean([not name.isascii() for name in table["FIRST"]])
    assert 0.005 < accents < 0.2


def test_races_are_the_declared_ones(table: Table) -> None:
    assert set(table["RACE"]) == set(RACES)
    for state in STATES:
        assert sum(state.races) == pytest.approx(1)
    assert sum(state.share for state in STATES) == pytest.approx(1)


def _age(table: Table) -> NDArray[np.float64]:
    end = np.where(np.isnat(table["DEATHDATE"]), TODAY, table["DEATHDATE"])
    return (end - table["BIRTHDATE"]).astype(np.float64) / 365.25


def _null(column: NDArray[Any]) -> NDArray[np.bool_]:
    if column.dtype.kind == "M":
        return np.isnat(column)
    if column.dtype.kind == "f":
        return np.isnan(column)
    return np.array([value is None for value in column])


def _all_match(pattern: str, column: NDArray[Any]) -> bool:
    return all(re.fullmatch(pattern, value) for value in column if value is not None)


def _mutual_information(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Bits that one column tells about the other."""
    _, a = np.unique(one.astype(str), return_inverse=True)
    _, b = np.unique(other.astype(str), return_inverse=True)
    joint = np.zeros((a.max() + 1, b.max() + 1))
    np.add.at(joint, (a, b), 1 / len(a))
    independent = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    held = joint > 0
    return float((joint[held] * np.log2(joint[held] / independent[held])).sum())
