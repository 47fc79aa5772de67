"""What masking does to values, and which column gets which operator.

The masked copy is pseudonymised, *not* differentially private: rows stay rows, and what is kept can be
linked. Only the synthetic table carries the guarantee.
"""

import hmac
from collections.abc import Mapping
from typing import assert_never

import pyarrow as pa
import pyarrow.compute as pc

from synth.config.sections import ColumnSettings, MaskOperator
from synth.core.entity import Entity
from synth.core.finding import Findings
from synth.lake.columns import to_strings

REDACTED = "[redacted]"
HIDDEN = "****"
TOKEN_CHARACTERS = 32
_SHORTEST_KEY_BYTES = 16

DEFAULT_TEMPLATES: dict[str, MaskOperator] = {
    # Tokens where the value joins rows or tables, or has to stay distinct.
    Entity.EMAIL: MaskOperator.HASH,
    Entity.SSN: MaskOperator.HASH,
    Entity.PHONE: MaskOperator.HASH,
    Entity.IP_ADDRESS: MaskOperator.HASH,
    Entity.UUID: MaskOperator.HASH,
    Entity.PASSPORT: MaskOperator.HASH,
    Entity.DRIVER_LICENCE: MaskOperator.HASH,
    Entity.ACCOUNT_NUMBER: MaskOperator.HASH,
    Entity.RECORD_ID: MaskOperator.HASH,
    Entity.USERNAME: MaskOperator.HASH,
    # The last four digits are what people know a card or an account by (PCI DSS 3.4 lets them be shown).
    Entity.CREDIT_CARD: MaskOperator.KEEP_LAST_4,
    Entity.IBAN: MaskOperator.KEEP_LAST_4,
    # What HIPAA's Safe Harbor list (45 CFR 164.514(b)(2)) removes: names, dates of birth and death, and
    # places smaller than a state. Sex, birth date and postcode alone single out most people.
    Entity.URL: MaskOperator.REDACT,
    Entity.PERSON_NAME: MaskOperator.REDACT,
    Entity.FIRST_NAME: MaskOperator.REDACT,
    Entity.LAST_NAME: MaskOperator.REDACT,
    Entity.STREET_ADDRESS: MaskOperator.REDACT,
    Entity.BIRTH_DATE: MaskOperator.REDACT,
    Entity.DEATH_DATE: MaskOperator.REDACT,
    Entity.BIRTH_PLACE: MaskOperator.REDACT,
    Entity.POSTCODE: MaskOperator.REDACT,
    Entity.LATITUDE: MaskOperator.REDACT,
    Entity.LONGITUDE: MaskOperator.REDACT,
    Entity.CITY: MaskOperator.REDACT,
    Entity.COUNTY: MaskOperator.REDACT,
    # States and countries hold too many people to point at one.
    Entity.STATE: MaskOperator.KEEP,
    Entity.COUNTRY: MaskOperator.KEEP,
}


def plan_masks(
    findings: Findings, columns: Mapping[str, ColumnSettings], templates: Mapping[Entity, MaskOperator]
) -> dict[str, MaskOperator]:
    """The operator of every column that the scan saw.

    `columns.NAME.drop` and then `columns.NAME.mask` win, then the templates, then `DEFAULT_TEMPLATES`;
    columns without personal data are kept.
    """
    return {
        finding.column: _operator(columns.get(finding.column, ColumnSettings()), finding.entity, templates)
        for finding in findings.columns
    }


def mask_values(values: pa.Array, operator: MaskOperator, key: bytes) -> pa.Array:
    """The values under one operator: strings, or the same values for `keep`; nulls stay null. [n] -> [n].

    Args:
      values: any type that reads as a string.
      key: secret of `hash`, at least 16 bytes.
    Raises: ValueError for `drop`, which leaves no values, and for a short key.
    """
    match operator:
        case MaskOperator.KEEP:
            return values
        case MaskOperator.REDACT:
            return pc.if_else(values.is_valid(), pa.scalar(REDACTED), pa.scalar(None, pa.string()))
        case MaskOperator.KEEP_LAST_4:
            return _keep_last_4(to_strings(values))
        case MaskOperator.HASH:
            return _hash(to_strings(values), key)
        case MaskOperator.DROP:
            raise ValueError("a dropped column has no values")
        case _:
            assert_never(operator)


def _operator(
    settings: ColumnSettings, found: str | None, templates: Mapping[Entity, MaskOperator]
) -> MaskOperator:
    if settings.drop:
        return MaskOperator.DROP
    if settings.mask is not None:
        return settings.mask
    name = settings.entity or found
    if name is None:
        return MaskOperator.KEEP
    entity = Entity(name)
    return templates.get(entity, DEFAULT_TEMPLATES[entity])


def _keep_last_4(texts: pa.Array) -> pa.Array:
    """`****` and the last four characters; a value of four or fewer would be shown whole, so none of it is.

    The number of stars says nothing about the length. What is not valid UTF-8 shows nothing either.
    """
    shown = pc.struct_field(pc.extract_regex(texts, r"(?s)^.+(?P<shown>.{4})$"), "shown")
    masked = pc.binary_join_element_wise(HIDDEN, pc.fill_null(shown, ""), "")
    return pc.if_else(texts.is_valid(), masked, pa.scalar(None, pa.string()))


def _hash(texts: pa.Array, key: bytes) -> pa.Array:
    """HMAC-SHA256 in 32 hexadecimal characters; the same value gives the same token in every column.

    With n distinct values two share a token with probability about n^2 / 2^129: 1.5e-21 for a billion.
    """
    if len(key) < _SHORTEST_KEY_BYTES:
        raise ValueError(f"the key of hashes needs {_SHORTEST_KEY_BYTES} bytes or more, got {len(key)}")
    encoded = texts.dictionary_encode()
    values = encoded.dictionary.cast(pa.binary()).to_pylist()
    tokens = [hmac.digest(key, value, "sha256").hex()[:TOKEN_CHARACTERS] for value in values]
    return pa.array(tokens, pa.string()).take(encoded.indices)
