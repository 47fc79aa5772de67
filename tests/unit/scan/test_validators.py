"""Our vectorised checksums against python-stdnum, an independent implementation."""

import ipaddress

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum import iban as oracle_iban
from stdnum import luhn as oracle_luhn
from stdnum.us import ssn as oracle_ssn

from synth.scan import validators

UNTIMED = settings(deadline=None)  # the machine is shared with other tests

DIGITS = st.text(alphabet="0123456789", min_size=2, max_size=19)


@UNTIMED
@given(st.lists(DIGITS, min_size=1, max_size=20))
def test_luhn_agrees_with_the_oracle_on_any_digits(numbers: list[str]) -> None:
    assert validators.luhn(pa.array(numbers)).tolist() == [oracle_luhn.is_valid(n) for n in numbers]


@UNTIMED
@given(st.lists(DIGITS, min_size=1, max_size=20))
def test_a_luhn_check_digit_makes_it_valid_and_any_other_does_not(numbers: list[str]) -> None:
    checked = [number + oracle_luhn.calc_check_digit(number) for number in numbers]
    damaged = [number[:-1] + str((int(number[-1]) + 1) % 10) for number in checked]
    assert validators.luhn(pa.array(checked)).all()
    assert not validators.luhn(pa.array(damaged)).any()


@UNTIMED
@given(
    st.lists(
        st.tuples(st.integers(0, 999), st.integers(0, 99), st.integers(0, 9999)), min_size=1, max_size=20
    )
)
def test_ssn_rules_agree_with_the_oracle(parts: list[tuple[int, int, int]]) -> None:
    numbers = [f"{area:03}-{group:02}-{serial:04}" for area, group, serial in parts]
    published = {"078-05-1120", "457-55-5462", "219-09-9999"}  # the oracle also knows numbers from adverts
    expected = [oracle_ssn.is_valid(n) or n in published for n in numbers]
    assert validators.ssn(pa.array(numbers)).tolist() == expected


@pytest.mark.parametrize(
    "number", ["000-12-3456", "666-12-3456", "900-12-3456", "123-00-4567", "123-45-0000"]
)
def test_numbers_that_are_never_issued_are_no_ssn(number: str) -> None:
    assert not validators.ssn(pa.array([number])).any()


@UNTIMED
@given(st.lists(st.from_regex(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}", fullmatch=True), min_size=1, max_size=10))
def test_iban_modulo_agrees_with_the_oracle_whatever_the_lengths_in_one_batch(numbers: list[str]) -> None:
    from stdnum.iso7064 import mod_97_10

    expected = [mod_97_10.is_valid(number[4:] + number[:4]) for number in numbers]
    assert validators.iban(pa.array(numbers)).tolist() == expected


def test_real_ibans_of_different_lengths_are_valid_together() -> None:
    numbers = [
        "GB82WEST12345698765432",
        "DE89370400440532013000",
        "NO9386011117947",
        "MT84MALT011000012345MTLCAST001S",
    ]
    assert all(oracle_iban.is_valid(number) for number in numbers)
    assert validators.iban(pa.array(numbers)).all()
    assert not validators.iban(pa.array([number[:-1] + "9" for number in numbers])).any()


@UNTIMED
@given(st.lists(st.ip_addresses(v=6), min_size=1, max_size=10))
def test_every_ipv6_address_is_one_compressed_or_not(addresses: list[ipaddress.IPv6Address]) -> None:
    texts = [text for address in addresses for text in (address.exploded, f"{address:s}".lower())]
    texts = [text for text in texts if "." not in text]
    assert validators.ipv6(pa.array(texts, pa.string())).all()


@pytest.mark.parametrize(
    "text", ["12:30", "12:30:45", "1:2:3:4:5:6:7:8:9", "1::2::3", ":1:2:3:4:5:6:7", "aa:bb:cc:dd:ee:ff"]
)
def test_times_and_hardware_addresses_are_no_ipv6(text: str) -> None:
    assert not validators.ipv6(pa.array([text])).any()


def test_an_empty_batch_has_no_valid_values() -> None:
    empty = pa.array([], pa.string())
    for holds in (validators.luhn, validators.ssn, validators.iban, validators.ipv6):
        assert len(holds(empty)) == 0
