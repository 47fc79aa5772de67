"""Names of people who do not exist, that fit what else their rows say of them."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from synth.core.entity import Entity
from synth.core.schema import Column
from synth.generate.context import RowContext, companions, header_words, role_of, words
from synth.generate.draw import below
from synth.generate.text import joined, pick

_FEMALE = words(
    """f female w woman women girl lady weiblich frau femme féminin feminin mujer femenino femenina
    feminino feminina femmina femminile donna kvinna kvinne kvinde vrouw kobieta mrs ms miss mme mlle
    madame mademoiselle señora señorita sra srta signora sig.ra fru"""
)
_MALE = words(
    """m male man men boy gentleman männlich maennlich herr hr homme masculin hombre masculino maschio
    maschile uomo mann mand mężczyzna mr mister monsieur señor sr signor sig"""
)
_GENDER = words(
    """sex gender geschlecht sexe genre sexo genero género sesso geslacht kjonn kjønn kön køn sukupuoli
    plec płeć"""
)
_TITLE = words("title prefix salutation anrede titel civilite civilité tratamiento honorific")
_SHORT = words("f m w")
_FEMALE_ROLES = words("mother wife sister daughter mom madre mutter")
_MALE_ROLES = words("father husband brother son dad padre vater")
_NOT_THE_NAME = words("middle second maiden birth born previous former alias nick")


@dataclass(frozen=True, kw_only=True)
class Person:
    """Names of whom a column is of: strings [n] each, never null."""

    first: pa.Array
    last: pa.Array


def first_names(context: RowContext, column: Column) -> pa.Array:
    """Given names of a column: those of the row's person, or others of the same gender for a second one."""
    if _NOT_THE_NAME & set(header_words(column.name)):
        return _given(context, column, column.name)
    return person_of(context, column).first


def last_names(context: RowContext, column: Column) -> pa.Array:
    """Family names of a column: those of the row's person, or others for a maiden name."""
    if _NOT_THE_NAME & set(header_words(column.name)):
        return _family(context, column.name)
    return person_of(context, column).last


def person_of(context: RowContext, column: Column) -> Person:
    """Whom a column is of: the names in the row where they are learned, else made up, once a role."""
    role = " ".join(sorted(_role(context, column)))
    known = context.cache.get(f"person {role}")
    if isinstance(known, Person):
        return known
    names = []
    for entity, made in (
        (Entity.FIRST_NAME, _given(context, column, f"first name of {role}")),
        (Entity.LAST_NAME, _family(context, f"last name of {role}")),
    ):
        learned = _beside(context, column, entity)
        names.append(made if learned is None else pc.coalesce(learned.cast(pa.string()), made))
    person = Person(first=names[0], last=names[1])
    context.cache[f"person {role}"] = person
    return person


def _beside(context: RowContext, column: Column, entity: Entity) -> pa.Array | None:
    """The name that the row has already of whom the column is of."""
    there = [
        other
        for other in context.fields
        if other.entity == entity
        and other.name in context.columns
        and not _NOT_THE_NAME & set(header_words(other.name))
    ]
    return next((context.columns[other.name] for other in companions(column, there)), None)


def _role(context: RowContext, column: Column) -> frozenset[str]:
    """The role of a column among those that name somebody; a column of nobody's else is of the only one."""
    named = (Entity.FIRST_NAME, Entity.LAST_NAME, Entity.PERSON_NAME)
    others = [
        other
        for other in context.fields
        if other.entity in named and not _NOT_THE_NAME & set(header_words(other.name))
    ]
    if column in others or not others:
        return role_of(column.name)
    nearest = next(companions(column, others), None)
    return role_of(column.name) if nearest is None else role_of(nearest.name)


def handle_of(context: RowContext, column: Column, separator: str) -> pa.Array:
    """The person's names as they stand in an address: lower case, letters only."""
    person = person_of(context, column)
    return joined(_plain(person.first), _plain(person.last), separator=separator)


def initial_of(context: RowContext, column: Column) -> pa.Array:
    """The first letter of the first name and the last name, lower case."""
    person = person_of(context, column)
    return joined(pc.utf8_slice_codeunits(_plain(person.first), 0, 1), _plain(person.last))


def is_female(context: RowContext, column: Column) -> NDArray[np.bool_]:
    """Whether a column's person is a woman: by gender or title in the row, else by chance. -> [n]."""
    role = role_of(column.name)
    if role & (_FEMALE_ROLES | _MALE_ROLES):
        return np.full(len(context.row_ids), bool(role & _FEMALE_ROLES))
    sources = tuple(other.name for other in companions(column, _speaking(context)))
    found = context.cache.get(f"is_female {sources}")
    if isinstance(found, np.ndarray):
        return found
    female = context.uniform("is female " + " ".join(sorted(role))) < 0.5
    for name in reversed(sources):
        said = _said(context.columns[name], name, context.categories.get(name, ()))
        female = np.where(said == 0, female, said > 0)
    context.cache[f"is_female {sources}"] = female
    return female


def _speaking(context: RowContext) -> list[Column]:
    """The columns that say who is a woman, the surer ones first."""
    there = [column for column in context.fields if column.name in context.columns and column.entity is None]

    def rank(column: Column) -> int | None:
        named = set(header_words(column.name))
        if named & _GENDER or named <= {"is", "female", "male", "f", "m"}:
            return 0
        if named & _TITLE:
            return 1
        values = {_spelled(category) for category in context.categories.get(column.name, ())}
        both = values & _FEMALE and values & _MALE
        return 2 if both and (values <= {"f", "m"} or (values & _FEMALE) - _SHORT) else None

    ranked = [(place, column) for column in there if (place := rank(column)) is not None]
    return [column for _, column in sorted(ranked, key=lambda pair: pair[0])]


def _said(values: pa.Array, name: str, categories: tuple[str, ...]) -> NDArray[np.int64]:
    """1 where a value says woman, -1 man, 0 neither. [n] -> [n]."""
    meanings = _meanings(header_words(name), frozenset(map(_spelled, categories)))
    coded = values.cast(pa.string()).dictionary_encode()
    texts = [_spelled(text) for text in coded.dictionary.to_pylist()]
    found = np.array([*(meanings.get(text, 0) for text in texts), 0], dtype=np.int64)
    return found[coded.indices.fill_null(len(texts)).to_numpy(zero_copy_only=False)]


def _meanings(header: tuple[str, ...], categories: frozenset[str]) -> Mapping[str, int]:
    meanings = dict.fromkeys(_FEMALE, 1) | dict.fromkeys(_MALE, -1)
    if "h" in categories:  # hombre and mujer, or homme and femme
        meanings |= {"h": -1} | ({"m": 1} if "f" not in categories else {})
    if set(header) & _GENDER and categories <= {"0", "1", "2", "9"} and "2" in categories:
        meanings |= {"1": -1, "2": 1}  # ISO 5218
    if set(header) & {"female", "male"}:
        sign = 1 if "female" in header else -1
        meanings |= {"true": sign, "1": sign, "yes": sign, "y": sign}
        meanings |= {"false": -sign, "0": -sign, "no": -sign, "n": -sign}
    return meanings


def _spelled(text: str) -> str:
    return text.strip().lower().rstrip(".")


def _given(context: RowContext, column: Column, stream: str) -> pa.Array:
    female, male = _given_names()
    bits = context.bits(stream, 1)[:, 0]
    hers, his = below(bits, len(female)), len(female) + below(bits, len(male))
    return pick((*female, *male), np.where(is_female(context, column), hers, his))


def _family(context: RowContext, stream: str) -> pa.Array:
    names = family_names()
    return pick(names, below(context.bits(stream, 1)[:, 0], len(names)))


def _plain(names: pa.Array) -> pa.Array:
    """Lower-case letters without accents; `x` where none is left."""
    coded = names.dictionary_encode()
    bare = pc.replace_substring_regex(
        pc.utf8_lower(pc.utf8_normalize(coded.dictionary, form="NFD")), "[^a-z]", ""
    )
    bare = pc.if_else(pc.equal(bare, ""), "x", bare)
    return bare.take(coded.indices)


@functools.cache
def _given_names() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Given names of women and of men, of the Faker library's English word lists."""
    from faker.providers.person.en_US import Provider

    return tuple(Provider.first_names_female), tuple(Provider.first_names_male)


@functools.cache
def family_names() -> tuple[str, ...]:
    """Family names of the Faker library's English word lists."""
    from faker.providers.person.en_US import Provider

    return tuple(Provider.last_names)
