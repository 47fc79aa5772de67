"""Fakes fit their row: names its gender, addresses its names, postcodes and telephones its state."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from faker.providers.person.en_US import Provider

from synth.core.schema import Column, Kind
from synth.generate.context import RowContext
from synth.generate.made_up import made_up_in

N = 2_000
FEMALE, MALE = set(Provider.first_names_female), set(Provider.first_names_male)


def fake(name: str, entity: str, **facts: Any) -> Column:
    return Column(name=name, spark_type="string", kind=Kind.TEXT, entity=entity, **facts)


def learned(name: str, entity: str | None = None) -> Column:
    return Column(name=name, spark_type="string", kind=Kind.CATEGORICAL, entity=entity)


def rows(
    fields: list[Column], values: dict[str, pa.Array], ids: np.ndarray[Any, Any] | None = None, **facts: Any
) -> dict[str, pa.Array]:
    """All columns by name, the made-up ones in the fields' order."""
    ids = np.arange(N, dtype=np.int64) if ids is None else ids
    context = RowContext(row_ids=ids, seed=1, fields=tuple(fields), columns=dict(values), **facts)
    for column in fields:
        if column.name not in values:
            context.columns[column.name] = made_up_in(context, column, pa.string())
    return context.columns


def halves(first: str | None, second: str | None) -> pa.Array:
    return pa.array([first, second] * (N // 2), pa.string())


@pytest.mark.parametrize(
    ("header", "female", "male", "categories"),
    [
        ("GENDER", "F", "M", ("F", "M")),
        ("sex", "female", "male", ("female", "male")),
        ("Geschlecht", "w", "m", ("m", "w")),
        ("sexo", "M", "H", ("H", "M")),
        ("sexe", "F", "H", ("F", "H")),
        ("gender_code", "2", "1", ("0", "1", "2")),
        ("PREFIX", "Mrs.", "Mr.", ("Mr.", "Mrs.", "Dr.")),
        ("anrede", "Frau", "Herr", ("Frau", "Herr")),
        ("is_female", "true", "false", ("false", "true")),
        ("kind", "woman", "man", ("man", "woman", "unknown")),
    ],
)
def test_first_names_fit_what_the_row_says(
    header: str, female: str, male: str, categories: tuple[str, ...]
) -> None:
    fields = [fake("first_name", "first_name"), learned(header), fake("full_name", "person_name")]
    made = rows(fields, {header: halves(female, male)}, categories={header: categories})
    names = made["first_name"].to_pylist()
    assert set(names[0::2]) <= FEMALE
    assert set(names[1::2]) <= MALE
    assert len(set(names)) > 200, "many different ones"
    assert [full.split(" ")[0] for full in made["full_name"].to_pylist()] == names


def test_a_marital_status_of_m_and_s_says_nothing_of_gender() -> None:
    fields = [fake("first_name", "first_name"), learned("MARITAL")]
    made = rows(fields, {"MARITAL": halves("M", "M")}, categories={"MARITAL": ("M", "S")})
    assert set(made["first_name"].to_pylist()) & (FEMALE - MALE)


def test_where_the_gender_is_not_known_the_title_says_it() -> None:
    fields = [learned("title"), learned("gender"), fake("first", "first_name")]
    made = rows(fields, {"gender": halves(None, "M"), "title": halves("Ms", "Ms")})
    names = made["first"].to_pylist()
    assert set(names[0::2]) <= FEMALE
    assert set(names[1::2]) <= MALE


def test_whole_names_addresses_and_user_names_are_of_the_same_person_whatever_the_order_of_columns() -> None:
    fields = [
        fake("email", "email"),
        fake("user_name", "username"),
        fake("maiden_name", "last_name"),
        fake("last_name", "last_name"),
        fake("first_name", "first_name"),
        fake("name", "person_name"),
    ]
    made = rows(fields, {})
    firsts, lasts = made["first_name"].to_pylist(), made["last_name"].to_pylist()
    assert made["name"].to_pylist() == [f"{a} {b}" for a, b in zip(firsts, lasts, strict=True)]
    for first, last, email, user in zip(
        firsts, lasts, made["email"].to_pylist(), made["user_name"].to_pylist(), strict=True
    ):
        assert email.startswith(f"{first}.{last}".lower())
        assert user.startswith(f"{first[0]}{last}".lower())
    assert made["maiden_name"].to_pylist() != lasts
    assert len(set(made["email"].to_pylist())) == N == len(set(made["user_name"].to_pylist()))


def test_two_people_of_one_row_have_their_own_names() -> None:
    names = ["buyer_first_name", "buyer_last_name", "seller_first_name", "seller_last_name"]
    fields = [fake(name, "first_name" if "first" in name else "last_name") for name in names]
    fields += [fake("buyer_email", "email"), fake("seller_email", "email"), learned("seller_gender")]
    made = rows(fields, {"seller_gender": halves("F", "M")})
    for who in ("buyer", "seller"):
        for first, email in zip(
            made[f"{who}_first_name"].to_pylist(), made[f"{who}_email"].to_pylist(), strict=True
        ):
            assert email.startswith(first.lower())
    assert set(made["seller_first_name"].to_pylist()[0::2]) <= FEMALE
    assert set(made["buyer_first_name"].to_pylist()[0::2]) & (MALE - FEMALE)


def test_an_address_is_made_of_learned_names_without_their_accents() -> None:
    fields = [learned("first", "first_name"), learned("last", "last_name"), fake("mail", "email")]
    made = rows(fields, {"first": halves("Zoë", None), "last": halves("O'Brien Núñez", "Å")})
    emails = made["mail"].to_pylist()
    assert emails[0].startswith("zoe.obriennunez")
    assert emails[1].split(".")[1].startswith("a")


@pytest.mark.parametrize(("massachusetts", "texas"), [("MA", "TX"), ("Massachusetts", "texas")])
def test_postcode_and_telephone_are_of_the_row_s_state(massachusetts: str, texas: str) -> None:
    fields = [learned("state", "state"), fake("zip", "postcode"), fake("phone", "phone")]
    made = rows(fields, {"state": halves(massachusetts, texas)})
    zips, phones = made["zip"].to_pylist(), made["phone"].to_pylist()
    assert all(text.startswith(("01", "02")) for text in zips[0::2])
    assert all("75503" <= text <= "79999" for text in zips[1::2])
    assert {text[:3] for text in phones[0::2]} == {"413", "508", "617", "774", "781", "978"}
    assert all(text[3:9] == "-555-0" for text in phones)
    assert made["zip"].null_count == 0


def test_a_place_that_is_no_state_gets_any_postcode() -> None:
    fields = [learned("state", "state"), fake("zip", "postcode")]
    made = rows(fields, {"state": halves("Bavaria", None)})
    assert all(len(text) == 5 for text in made["zip"].to_pylist())


def test_a_row_is_the_same_whichever_rows_are_made_with_it() -> None:
    fields = [fake("first", "first_name"), fake("last", "last_name"), fake("mail", "email"), learned("sex")]
    whole = rows(fields, {"sex": halves("F", "M")})
    part = rows(fields, {"sex": halves("F", "M").slice(500, 300)}, ids=np.arange(500, 800, dtype=np.int64))
    for name in ("first", "last", "mail"):
        assert part[name].to_pylist() == whole[name].slice(500, 300).to_pylist()
