"""Each spelling is recognised, read, and written back letter for letter."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth.config.sections import ColumnSettings, RelationSettings, Scan
from synth.core.finding import Finding, Findings
from synth.core.schema import Column, Kind, PrivacyUnit
from synth.core.spelling import number_format
from synth.lake.clock import read_clock, write_clock
from synth.lake.columns import from_numbers, to_numbers, with_null_spellings
from synth.lake.numerals import read_numbers, write_numbers
from synth.prepare.schema import Field, resolve_schema
from synth.scan.calendars import DATE_FORMATS, STAMP_FORMATS, TIME_FORMATS
from synth.scan.classes import class_counts, classify
from synth.scan.evidence import ClassCounts
from synth.scan.judge import judge
from synth.scan.spellings import AMOUNTS, FAMILIES, VALUE_CLASSES
from tests.spellings import SPELLINGS, Spelling

UNTIMED = settings(deadline=None, max_examples=30)
N = 1_000
_TYPES = {"string": pa.string(), "int": pa.int32(), "bigint": pa.int64()}


def array_of(values: list[str | None], spark_type: str = "string") -> pa.Array:
    texts = pa.array(values, pa.string())
    return texts if spark_type == "string" else texts.cast(_TYPES[spark_type])


def found(
    values: list[str | None], *, name: str = "x1", spark_type: str = "string", noise: float = 0, seed: int = 0
) -> Finding:
    """The finding of a column of about N rows."""
    exact = class_counts(array_of(values * max(1, N // len(values)), spark_type))
    noisy = exact + np.round(np.random.default_rng(seed).normal(0, noise, len(exact)) if noise else 0)
    counts = ClassCounts(
        counts=dict(zip(VALUE_CLASSES, noisy.tolist(), strict=True)),
        n_rows=float(exact.sum()),
        noise_scale=noise,
    )
    return judge(name, spark_type, counts, ColumnSettings(), Scan())


def column_of(finding: Finding, spark_type: str = "string", **more: object) -> Column:
    return Column(
        name=finding.column,
        spark_type=spark_type,
        kind=finding.kind,
        decimals=finding.decimals,
        format=finding.format,
        step=finding.step,
        null_spellings=finding.null_spellings,
        **more,  # type: ignore[arg-type]
    )


def ids(spelling: Spelling) -> str:
    return f"{spelling.values[0]} {spelling.spark_type}"


@pytest.mark.parametrize("spelling", SPELLINGS, ids=ids)
def test_a_spelling_is_recognised_and_comes_back_letter_for_letter(spelling: Spelling) -> None:
    values = [*spelling.values, None]
    finding = found(values, name=spelling.name, spark_type=spelling.spark_type)
    assert (finding.kind, finding.format) == (spelling.kind, spelling.format)
    array = array_of(values, spelling.spark_type)
    column = column_of(finding, spelling.spark_type)
    numbers = to_numbers(array, column)
    assert np.isnan(numbers).tolist() == [False] * len(spelling.values) + [True]
    assert from_numbers(numbers, column, array.type).equals(array)


@pytest.mark.parametrize("spelling", SPELLINGS, ids=ids)
def test_a_spelling_is_recognised_through_noise(spelling: Spelling) -> None:
    finding = found([*spelling.values], name=spelling.name, spark_type=spelling.spark_type, noise=0.01 * N)
    assert (finding.kind, finding.format) == (spelling.kind, spelling.format)


def test_every_class_is_in_one_family() -> None:
    names = [name for family in FAMILIES for name in family]
    assert len(set(names)) == len(names) == len(VALUE_CLASSES)
    assert len(VALUE_CLASSES) < 1 << 16


def test_the_classes_of_all_formats_exist() -> None:
    for formats in (DATE_FORMATS, STAMP_FORMATS, TIME_FORMATS):
        for format, classes in formats.items():
            assert classes, format
            assert set(classes) <= set(VALUE_CLASSES), format


@UNTIMED
@given(st.integers(0, 2**31))
def test_a_moment_is_of_a_class_of_the_format_that_wrote_it(second: int) -> None:
    for formats in (STAMP_FORMATS, TIME_FORMATS):
        for format, classes in formats.items():
            (text,) = write_clock(np.array([float(second)]), format)
            assert VALUE_CLASSES[classify(pa.array([text]))[0]] in classes, (text, format)
            assert write_clock(read_clock(pa.array([text]), format), format) == [text]


PICTURES = (
    *("0", "0.00", "0.0#", "0.##", "#.00", "00000", "+0.0", "$#,##0.00", "#.##0,00", "# ##0,0#", "#'##0.0"),
    *("(0.00)", "($#,##0)", "$-0.00", "0.00-", "0.0%", "0 kg", "R$ #.##0,00", "0,0 €", "#,##0+", "0 years"),
)


@UNTIMED
@given(st.lists(st.floats(-1e9, 1e9), min_size=1))
def test_what_a_picture_writes_it_reads_and_writes_again(numbers: list[float]) -> None:
    for picture in PICTURES:
        form = number_format(picture)
        assert form.picture == picture
        texts = write_numbers(np.array(numbers), form)
        back = read_numbers(pa.array(texts), form).to_numpy(zero_copy_only=False)
        # Halves may go either way.
        assert np.allclose(back, numbers, rtol=1e-9, atol=0.5001 * 10.0**-form.decimals)
        assert write_numbers(back, form) == texts


@pytest.mark.parametrize("affix", AMOUNTS)
def test_an_amount_is_of_the_class_of_its_affix(affix: str) -> None:
    form = number_format(affix)
    assert form.picture == affix
    text = form.write(-12.0) if affix.startswith("(") else form.write(12.0)
    name = VALUE_CLASSES[classify(pa.array([text]))[0]]
    assert name in (("integer_2",) if affix == "0" else (f"amount {affix} none",))


@UNTIMED
@given(st.lists(st.text() | st.from_regex(r"[$€(+-]?[0-9,.' ]{0,12}[A-Za-z%€)+-]{0,4}", fullmatch=True)))
def test_no_text_is_too_strange_for_a_class(texts: list[str]) -> None:
    texts = [text.encode("utf-8", "ignore").decode() for text in texts]
    assert class_counts(pa.array(texts, pa.string())).sum() == len(texts)


def test_a_letter_among_small_numbers_makes_a_category() -> None:
    values: list[str | None] = [*"123456789", "N", "N"]
    assert found(values).kind is Kind.CATEGORICAL
    assert found(values, noise=0.01 * N).kind is Kind.CATEGORICAL


def test_a_lone_letter_is_no_boolean() -> None:
    assert found(["N"]).kind is Kind.CATEGORICAL
    assert found(["N", "Y"]).kind is Kind.BOOLEAN
    assert found(["yes", None]).kind is Kind.CATEGORICAL


def test_a_letter_among_large_numbers_is_kept_beside_them() -> None:
    finding = found([*(str(17 * n) for n in range(100, 180)), *["N"] * 20])
    assert finding.kind is Kind.INTEGER
    assert finding.null_spellings == (("N", 1.0),)


@pytest.mark.parametrize("word", ["NA", "N/A", "?", "-", ".", "null", "NaN", "#N/A", "unknown", "", " "])
def test_missing_values_come_back_in_their_own_words(word: str) -> None:
    values: list[str | None] = ["1.25", "-7.50", "200.00", word, None]
    finding = found(values)
    assert finding.kind is Kind.REAL
    assert dict(finding.null_spellings) == {word: 0.5, None: 0.5}
    column = column_of(finding)
    array = pa.array(values)
    back = from_numbers(to_numbers(array, column), column, pa.string())
    spelled = with_null_spellings(back, column, np.array([0.3, 0.3, 0.3, 0.1, 0.9]))
    assert sorted(spelled.to_pylist()[3:], key=str) == sorted([word, None], key=str)
    assert spelled.to_pylist()[:3] == values[:3]


def test_not_a_number_and_infinity_come_back_in_a_column_of_floats() -> None:
    array = pa.array([1.5, float("nan"), float("inf"), None, 2.5] * 100)
    counts = ClassCounts(
        counts=dict(zip(VALUE_CLASSES, class_counts(array).tolist(), strict=True)), n_rows=500, noise_scale=0
    )
    finding = judge("x1", "double", counts, None, Scan())
    # Infinities of a typed column are numbers, with cells of their own.
    assert dict(finding.null_spellings) == pytest.approx({None: 1 / 2, "NaN": 1 / 2}, abs=1e-3)
    column = column_of(finding, "double")
    uniforms = np.linspace(0, 1, 500, endpoint=False)
    numbers = to_numbers(array, column, infinite=True)
    back = with_null_spellings(from_numbers(numbers, column, array.type), column, uniforms)
    found_values = [str(value) for value in back.to_pylist()]
    assert {"nan", "inf", "None"} < set(found_values)


@pytest.mark.parametrize("share", [0.002, 0.02, 0.5, 1.0])
def test_leading_zeros_survive_at_any_share(share: float) -> None:
    padded = max(1, round(1000 * share))
    values: list[str | None] = ["00680"] * padded + ["12345", "98765"] * ((1000 - padded) // 2)
    finding = found(values, name="zip")
    column = column_of(finding)
    array = pa.array(values)
    assert (finding.kind, finding.format) == (Kind.INTEGER, "00000")
    assert from_numbers(to_numbers(array, column), column, pa.string()).equals(array)


def test_codes_of_several_widths_are_categories() -> None:
    assert found(["007", "12", "00012", "4711"]).kind is Kind.CATEGORICAL


def test_identifiers_tell_their_digits_and_their_class() -> None:
    phone = found(["2000176570", "4135550100", "413555010"], name="phone", spark_type="bigint")
    assert phone.kind is Kind.ID
    assert dict(phone.digits) == pytest.approx({10: 2 / 3, 9: 1 / 3}, abs=1e-3)
    code = found(["S99984236", "S12345678"], name="passport")
    assert code.value_class == "code_A1_D8"


def test_an_epoch_needs_a_name_that_speaks_of_time() -> None:
    assert found(["1700000000"], name="amount", spark_type="bigint").kind is Kind.INTEGER
    assert found(["2024", "1999"], name="year", spark_type="int").kind is Kind.INTEGER


def test_several_formats_of_one_column_are_all_read() -> None:
    values: list[str | None] = [*["2024-01-31"] * 6, *["25.05.1989"] * 3, "Jan 5, 2024"]
    finding = found(values)
    assert finding.format == "%Y-%m-%d|%d.%m.%Y|%b %-d, %Y"
    numbers = to_numbers(pa.array(values), column_of(finding))
    assert not np.isnan(numbers).any()
    back = from_numbers(numbers, column_of(finding), pa.string()).to_pylist()
    assert back[6:] == ["1989-05-25"] * 3 + ["2024-01-05"]


@pytest.mark.parametrize(
    ("values", "text_target", "spark_type"),
    [
        (["1", "22"], True, "bigint"),
        (["126857.0", "1.0"], False, "double"),
        (["126857.0", "1.0"], True, "string"),
        (["12.50", "1.25"], False, "double"),
        (["12.50", "1.25"], True, "string"),
        (["$12.50", "$1.25"], False, "string"),
        (["00680", "12345"], False, "string"),
        (["5.3%", "1.2%"], False, "string"),
        (["1.5", "N/A"], False, "string"),
        (["2024-01-31"], True, "date"),
        (["31.01.2024"], False, "string"),
        (["2024-01-31 10:11:12"], False, "timestamp"),
        (["2024-01-31 10:11:12"], True, "string"),
        (["2024-01-31 10:11:12+02:00"], False, "string"),
        (["09:05"], False, "string"),
    ],
)
def test_a_text_source_gets_types_where_they_lose_nothing(
    values: list[str | None], text_target: bool, spark_type: str
) -> None:
    findings = Findings(table="t", n_rows=N, columns=(found(values),))
    schema = resolve_schema(
        "t",
        [Field(name="x1", spark_type="string", nullable=True)],
        findings,
        {},
        PrivacyUnit(),
        RelationSettings(),
        untyped_source=True,
        text_target=text_target,
    )
    assert schema.column("x1").spark_type == spark_type
