"""Masking: what may still be read off a masked value, and who decides the operator."""

import hashlib
import hmac

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth.config.sections import ColumnSettings, MaskOperator
from synth.core.entity import ENTITY_NAMES
from synth.core.finding import Finding, Findings
from synth.core.schema import Kind
from synth.mask.operators import DEFAULT_TEMPLATES, HIDDEN, REDACTED, mask_values, plan_masks

UNTIMED = settings(deadline=None)  # the machine is shared with other tests

KEY = b"k" * 32
TEXTS = st.lists(st.none() | st.text(max_size=12))
HIDING = (MaskOperator.REDACT, MaskOperator.KEEP_LAST_4, MaskOperator.HASH)


def findings(**entities: str | None) -> Findings:
    columns = tuple(Finding(column=c, kind=Kind.CATEGORICAL, entity=e) for c, e in entities.items())
    return Findings(table="people", n_rows=10.0, columns=columns)


@UNTIMED
@given(TEXTS, st.sampled_from(list(MaskOperator)))
def test_nulls_stay_null_and_nothing_else_becomes_null(
    texts: list[str | None], operator: MaskOperator
) -> None:
    if operator is MaskOperator.DROP:
        return
    array = pa.array(texts, pa.string())
    masked = mask_values(array, operator, KEY)
    assert masked.type == pa.string()
    assert masked.is_null().to_pylist() == array.is_null().to_pylist()


@UNTIMED
@given(TEXTS)
def test_hashes_are_the_keyed_digest_and_equal_for_equal_values(texts: list[str | None]) -> None:
    tokens = mask_values(pa.array(texts, pa.string()), MaskOperator.HASH, KEY).to_pylist()
    for text, token in zip(texts, tokens, strict=True):
        if text is not None:
            assert token == hmac.new(KEY, text.encode(), hashlib.sha256).hexdigest()[:32]


def test_another_key_gives_other_tokens() -> None:
    values = pa.array(["a", "b"])
    first, second = (mask_values(values, MaskOperator.HASH, key * 32).to_pylist() for key in (b"1", b"2"))
    assert not set(first) & set(second)


def test_a_number_and_its_text_have_one_token() -> None:
    numbers, texts = pa.array([7, 8]), pa.array(["7", "8"])
    assert mask_values(numbers, MaskOperator.HASH, KEY).equals(mask_values(texts, MaskOperator.HASH, KEY))


@pytest.mark.parametrize("key", [b"", b"short"])
def test_a_guessable_key_is_refused(key: bytes) -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        mask_values(pa.array(["a"]), MaskOperator.HASH, key)


@UNTIMED
@given(st.text(max_size=12))
def test_keep_last_4_shows_four_characters_of_longer_values_and_none_of_short_ones(text: str) -> None:
    shown = mask_values(pa.array([text]), MaskOperator.KEEP_LAST_4, KEY)[0].as_py()
    assert shown == HIDDEN + (text[-4:] if len(text) > 4 else "")


@UNTIMED
@given(st.text(max_size=12))
def test_redacted_values_cannot_be_told_apart(text: str) -> None:
    assert mask_values(pa.array([text]), MaskOperator.REDACT, KEY).to_pylist() == [REDACTED]


@pytest.mark.parametrize("operator", HIDING)
def test_bytes_that_are_no_text_are_hidden_too(operator: MaskOperator) -> None:
    raw = b"secret\xff\xfe"
    broken = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.array([0, len(raw)], pa.int32()).buffers()[1], pa.py_buffer(raw)]
    )
    masked = mask_values(broken, operator, KEY).cast(pa.binary())[0].as_py()
    assert b"secret" not in masked
    assert b"\xff" not in masked


def test_every_entity_has_a_template_and_no_identifier_is_shown() -> None:
    assert set(DEFAULT_TEMPLATES) == set(ENTITY_NAMES)
    kept = {entity for entity, operator in DEFAULT_TEMPLATES.items() if operator is MaskOperator.KEEP}
    assert kept == {"state", "country"}


def test_the_column_wins_over_the_template_and_the_template_over_the_default() -> None:
    plan = plan_masks(
        findings(a="email", b="email", c="email", d=None, e="ssn", f=None),
        {
            "a": ColumnSettings(mask=MaskOperator.KEEP),
            "c": ColumnSettings(drop=True, mask=MaskOperator.KEEP),
            "f": ColumnSettings(entity="first_name"),
        },
        {"email": MaskOperator.REDACT},
    )
    assert plan == {
        "a": MaskOperator.KEEP,
        "b": MaskOperator.REDACT,
        "c": MaskOperator.DROP,
        "d": MaskOperator.KEEP,
        "e": MaskOperator.HASH,
        "f": MaskOperator.REDACT,
    }
