"""With a perfect model and nothing declared, every type and spelling comes back as what it is."""

import pytest
from case import Case
from comparison import EXACT, PRIVATE, Tolerance, complaints
from perfect_model import arrow_type, to_values
from shapes import SHAPES
from tables import copies, real_values

MET = ("constant",)
"""Shapes in which every column comes back at epsilon 10 too."""
PAIRS = [
    pytest.param(case, shape, id=f"{shape}-{case.name}") for shape in SHAPES for case in real_values(shape)
]


def check(case: Case, shape: str, tolerance: Tolerance, *, private: bool) -> None:
    """Fail with one line a complaint."""
    made = copies(shape, private=private)[case]
    where = f"{case.name} ({case.spark_type}), {shape}, {'epsilon 10' if private else 'no noise'}"
    if isinstance(made, Exception):
        pytest.fail(f"{where}: {type(made).__name__}: {made}", pytrace=False)
    found = []
    if made.type != arrow_type(case.spark_type):
        found.append(f"type: wanted {arrow_type(case.spark_type)}, got {made.type}")
    real = real_values(shape)[case]
    found += complaints(case, real, to_values(made), tolerance, keys=shape == "all_distinct")
    if found:
        pytest.fail("\n".join(f"{where}: {complaint}" for complaint in found), pytrace=False)


@pytest.mark.parametrize(("case", "shape"), PAIRS)
def test_without_noise_a_column_comes_back_as_what_it_is(case: Case, shape: str) -> None:
    check(case, shape, EXACT, private=False)


@pytest.mark.parametrize(("case", "shape"), [param for param in PAIRS if param.values[1] in MET])
def test_at_epsilon_10_a_constant_column_comes_back(case: Case, shape: str) -> None:
    check(case, shape, PRIVATE, private=True)


@pytest.mark.unsettled
@pytest.mark.parametrize(("case", "shape"), [param for param in PAIRS if param.values[1] not in MET])
def test_at_epsilon_10_a_column_keeps_its_form_and_its_weight(case: Case, shape: str) -> None:
    check(case, shape, PRIVATE, private=True)


def test_the_list_is_as_long_as_it_claims() -> None:
    spelled = {case.name for case, _ in (param.values for param in PAIRS) if case.spark_type == "string"}
    assert len(spelled) >= 60
    assert {shape for _, shape in (param.values for param in PAIRS)} == set(SHAPES)
