"""What else a row holds: the learned columns that a fake has to fit, found by what they are and whom they
are of."""

import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from synth.core.entity import Entity
from synth.core.schema import Column
from synth.generate import draw


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


_ENTITY_WORDS = words(
    """first last given family middle maiden full name names forename surname nickname user username login
    email mail e address addr street phone telephone mobile cell tel fax number no zip postcode postal
    code plz city town municipality county state province region country sex gender geschlecht sexe
    genre sexo genero género sesso geslacht kjonn kjønn kön køn title prefix salutation anrede titel
    civilite civilité tratamiento honorific suffix is female male f m id personal legal text value type"""
)
"""Words of a header that say what a column holds; the others say whom or what it is of."""


def header_words(name: str) -> tuple[str, ...]:
    """The words of a column's name in lower case: `dateOfBirth` and `DATE_OF_BIRTH` agree."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    return tuple(word.lower() for word in re.findall(r"[^\W\d_]+|\d+", parted))


def role_of(name: str) -> frozenset[str]:
    """Whom a column is of, as far as its name says so: `buyer_email` is of the buyer."""
    words = header_words(name)
    return frozenset(word for word in words if word not in _ENTITY_WORDS)


@dataclass(frozen=True, kw_only=True)
class RowContext:
    """Some rows of the table as far as they are made.

    Attributes:
      row_ids: int64 [n]. seed: of the whole table.
      fields: the table's columns. columns: those that have values already, [n] each; grows while rows are
        made.
      categories: the released categories of learned columns, by name.
      prefixes: what values that are to be made up begin with, null where that is not known, by column.
      cache: what several fakes of a row share.
    """

    row_ids: NDArray[np.int64]
    seed: int
    fields: tuple[Column, ...] = ()
    columns: dict[str, pa.Array] = field(default_factory=dict)
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    prefixes: Mapping[str, pa.Array] = field(default_factory=dict)
    cache: dict[str, object] = field(default_factory=dict)

    def bits(self, stream: str, draws: int) -> NDArray[np.uint64]:
        """Random bits of a purpose of that name: uint64 [n, draws]."""
        return draw.bits(self.row_ids, self.seed, draws, stream=1 + zlib.crc32(stream.encode()))

    def key(self, stream: str) -> int:
        """One random number of a purpose, the same for all rows."""
        first = np.zeros(1, dtype=np.int64)
        return int(draw.bits(first, self.seed, 1, stream=1 + zlib.crc32(stream.encode()))[0, 0])

    def uniform(self, stream: str) -> NDArray[np.float64]:
        """A number in [0, 1) a row. -> [n]."""
        return (self.bits(stream, 1)[:, 0] >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def beside(self, column: Column, entity: Entity) -> pa.Array | None:
        """The values of that entity of whom the column is of; None if there are none yet."""
        there = [other for other in self.fields if other.entity == entity and other.name in self.columns]
        return next((self.columns[other.name] for other in companions(column, there)), None)


def companions(column: Column, others: Iterable[Column]) -> Iterator[Column]:
    """The columns that are of the same one as a column: those of its role, else those without any."""
    role = role_of(column.name)
    known = [(role_of(other.name), other) for other in others if other.name != column.name]
    yield from (other for of, other in known if of == role)
    if role:
        yield from (other for of, other in known if not of)
    elif len({of for of, _ in known}) == 1:
        yield from (other for of, other in known if of)
