"""Values without a name: few are taken from the named ones, of many the named keep their share."""

import re

import numpy as np
import pyarrow as pa
import pytest

from synth.core.codebook import CategoricalCodebook
from synth.core.prepared import PreparedManifest
from synth.core.schema import Column, Kind, PrivacyUnit, TableSchema
from synth.generate.fields import learned_of
from synth.generate.made_up import fakes

N = 4_000


def rows(
    named: tuple[str, ...], rest: float, value_class: str | None = "words", entity: str | None = None
) -> list[str | None]:
    """A column whose codes are drawn as released: `rest` of the values without a name, 10% null."""
    column = Column(
        name="v", spark_type="string", kind=Kind.CATEGORICAL, value_class=value_class, entity=entity,
        null_share=0.5,
    )  # fmt: skip
    shares = [0.1, *([0.9 * (1 - rest) / len(named)] * len(named)), 0.9 * rest]
    book = CategoricalCodebook(column="v", categories=named, counts=tuple(N * share for share in shares))
    schema = TableSchema(name="t", columns=(column,), unit=PrivacyUnit())
    manifest = PreparedManifest(
        schema=schema, codebooks=(book,), n_rows=N, n_units=N, entries=(1,), is_private=True
    )
    generator = np.random.default_rng(1)
    codes = {"v": generator.choice(len(shares), N, p=shares).astype(np.uint16)}
    types = {"v": pa.string()}
    learned = learned_of(manifest, codes, {"v": generator.random(N)}, types)
    return list(fakes(manifest, learned, np.arange(N), 0, types, {})["v"].to_pylist())


def test_named_values_and_nulls_keep_their_shares_beside_a_large_rest() -> None:
    made = rows(("Soho", "Harlem"), 0.6)
    assert made.count(None) == pytest.approx(0.1 * N, abs=80), "nulls are learned, not drawn once more"
    assert made.count("Soho") == pytest.approx(0.18 * N, abs=100)


def test_a_rest_of_words_is_words_whatever_class_the_named_ones_are_of() -> None:
    for value_class in ("words", "word no", "letter Y", None):
        made = [v for v in rows(("Soho",), 0.6, value_class) if v not in (None, "Soho")]
        assert all(re.fullmatch(r"[A-Z][a-z]*( [a-z]+){0,2}", str(value)) for value in made), value_class


def test_a_rest_beside_names_of_several_words_is_made_of_their_words() -> None:
    zones = ("Upper East Side South", "Union Sq", "Penn Station/Madison Sq West", "Midtown Center", "Harlem")
    for value_class in ("person_name", "words", None):
        made = {v for v in rows(zones, 0.6, value_class) if v is not None} - set(zones)
        assert len(made) > 8, value_class
        assert "Union Center" in made
        words = {word for zone in zones for word in zone.split()}
        assert {word for value in made for word in value.split()} <= words


def test_names_of_one_word_and_codes_lend_no_words() -> None:
    made = {str(v) for v in rows(("Soho", "Harlem", "Bronx", "Union Sq"), 0.6)}
    assert not any("Sq" in value for value in made - {"Union Sq"})
    coded = {str(v) for v in rows(("A 1", "B 2", "C 3", "D 4"), 0.6, "code_A2_D4")} - {"None"}
    assert not any(re.fullmatch("[A-D] [1-4]", v) for v in coded - {"A 1", "B 2", "C 3", "D 4"})


def test_a_small_rest_is_taken_from_the_named_values() -> None:
    assert set(rows(("Soho", "Harlem"), 0.1)) == {None, "Soho", "Harlem"}


def test_a_rest_of_codes_keeps_their_shape() -> None:
    made = [v for v in rows(("AB1234",), 0.6, "code_A2_D4") if v not in (None, "AB1234")]
    assert all(re.fullmatch(r"[A-Z]{2}\d{4}", str(value)) for value in made)
    assert len(set(made)) == len(made)


def test_a_rest_beside_words_of_a_public_list_is_of_that_list() -> None:
    made = set(rows(("Monday", "Tuesday"), 0.5))
    assert {"Sunday", "Friday"} <= made
    assert all(value is None or re.fullmatch("[A-Z][a-z]+", value) for value in made)


@pytest.mark.parametrize(
    ("value_class", "shape"),
    [("real_2", r"\d+\.\d{2}"), ("real_many", r"\d+\.\d+"), ("integer_4", r"\d{4,}")],
)
def test_a_rest_of_numbers_is_numbers(value_class: str, shape: str) -> None:
    made = [v for v in rows(("See ASN",), 0.6, value_class) if v not in (None, "See ASN")]
    assert all(re.fullmatch(shape, str(value)) for value in made)
