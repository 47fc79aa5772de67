"""The scan's release: paid for, perturbed once, and free of values."""

import csv
import gzip
import json
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from synth.config.sections import ColumnSettings, Scan
from synth.core.entity import Entity
from synth.core.finding import Findings
from synth.core.schema import Kind
from synth.privacy import noise
from synth.privacy.budget import DiscreteGaussian, NoPrivacy
from synth.privacy.entry import Receipt
from synth.privacy.released import Released
from synth.scan.classes import VALUE_CLASSES, class_counts
from synth.scan.findings import release_findings

NO_PRIVACY = Receipt(entry=7, events=(NoPrivacy(),))


def paying(scale: float, count: int) -> Receipt:
    """A receipt for the histograms of so many columns, and the row count."""
    return Receipt(entry=7, events=(DiscreteGaussian(scale=scale, sensitivity=1, count=count + 1),))


def found(
    counts: dict[str, NDArray[np.int64]], receipt: Receipt, declared: dict[str, ColumnSettings] | None = None
) -> Released[Findings]:
    return release_findings(
        counts,
        receipt,
        table="people",
        spark_types=dict.fromkeys(counts, "string"),
        columns=declared or {},
        settings=Scan(),
    )


TABLE = {
    "email": class_counts(pa.array(["zelda.quux@example.org", "b@example.org"] * 200)),
    "age": class_counts(pa.array(["34", "57"] * 200)),
    "died": class_counts(pa.array(["1/13/2001", *[None] * 39] * 10)),
    "born": class_counts(pa.array(["1/13/1950", "2/3/1951"] * 200)),
}


def test_the_counts_are_perturbed_exactly_once_and_all_together(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    real = noise.noisy_counts

    def counted(counts: NDArray[np.int64], receipt: Receipt) -> Released[NDArray[np.int64]]:
        calls.append(len(counts))
        return real(counts, receipt)

    monkeypatch.setattr(noise, "noisy_counts", counted)
    found(TABLE, paying(5.0, len(TABLE)))
    assert calls == [1 + len(TABLE) * len(VALUE_CLASSES)]


def test_a_receipt_for_fewer_columns_releases_nothing() -> None:
    with pytest.raises(ValueError, match="pays for 4 queries; the row count and 4 columns need 5"):
        found(TABLE, paying(5.0, len(TABLE) - 1))


def test_without_privacy_the_counts_are_exact() -> None:
    released = found(TABLE, NO_PRIVACY)
    assert released.entry == 7
    assert released.value.n_rows == 400
    assert released.value.column("died").null_share == 0.975
    assert [finding.column for finding in released.value.columns] == list(TABLE)


def test_the_released_row_count_has_its_own_noise_whatever_the_classes() -> None:
    """60 draws: the bounds are 4.5 standard errors away, a false alarm in 100,000."""
    spread = np.full(len(VALUE_CLASSES), 3, dtype=np.int64)
    for exact in (TABLE["age"], spread):
        rows = np.array([found({"x1": exact}, paying(10.0, 1)).value.n_rows for _ in range(60)])
        assert abs(rows.mean() - exact.sum()) < 4.5 * 10 / math.sqrt(60)
        assert 5.8 < rows.std() < 14.2


def test_a_sparse_date_column_is_written_as_the_other_dates_are() -> None:
    """Ten dates at noise 3 stand 3.3 deviations high: no false alarm was seen in 1,500 runs."""
    for _ in range(2):
        findings = found(TABLE, paying(3.0, len(TABLE))).value
        assert findings.column("born").format == "%-m/%-d/%Y"
        assert findings.column("died").format == "%-m/%-d/%Y"


def test_no_value_of_the_source_is_in_the_findings() -> None:
    text = json.dumps(found(TABLE, NO_PRIVACY).value.to_dict())
    for value in ("zelda", "quux", "1950", "2001"):
        assert value not in text


def test_a_table_without_columns_has_no_findings() -> None:
    assert found({}, NO_PRIVACY).value.columns == ()


@pytest.mark.parametrize("noise_scale", [0, 15])
def test_the_patients_table_is_judged_as_its_reader_would(shared_data: Path, noise_scale: float) -> None:
    with (shared_data / "synthea" / "patients.csv").open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    counts = {
        name: class_counts(pa.array([row[name] or None for row in rows], pa.string())) for name in rows[0]
    }
    receipt = paying(noise_scale, len(counts)) if noise_scale else NO_PRIVACY
    findings = found(counts, receipt).value
    entities = {finding.column: finding.entity for finding in findings.columns if finding.entity}
    assert entities == {
        "Id": "uuid", "SSN": "ssn", "DRIVERS": "driver_licence", "PASSPORT": "passport",
        "FIRST": "first_name", "LAST": "last_name", "MAIDEN": "last_name", "ADDRESS": "street_address",
        "BIRTHDATE": "birth_date", "DEATHDATE": "death_date", "BIRTHPLACE": "birth_place", "CITY": "city",
        "STATE": "state", "COUNTY": "county", "ZIP": "postcode", "LAT": "latitude", "LON": "longitude",
    }  # fmt: skip
    broken = ("LAT", "LON")  # by a spreadsheet: through noise what is whole may be enough to learn
    for name, entity in entities.items():
        is_made_up = Entity(entity).is_direct or name in broken
        assert findings.column(name).kind.is_made_up == is_made_up or (noise_scale and name in broken)
    assert findings.column("ZIP").kind is Kind.INTEGER
    assert findings.column("BIRTHDATE").format == findings.column("DEATHDATE").format == "%-m/%-d/%Y"
    assert findings.column("HEALTHCARE_EXPENSES").decimals == 2
    for name in ("PREFIX", "SUFFIX", "GENDER", "MARITAL", "RACE", "ETHNICITY", "BIRTHPLACE", "CITY"):
        assert findings.column(name).kind is Kind.CATEGORICAL


@pytest.mark.parametrize("noise_scale", [0, 40])
def test_the_adult_table_holds_no_identifier(shared_data: Path, noise_scale: float) -> None:
    with gzip.open(shared_data / "adult" / "train.csv.gz", "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    counts = {name: class_counts(pa.array([row[name] for row in rows])) for name in rows[0]}
    findings = found(counts, paying(noise_scale, len(counts)) if noise_scale else NO_PRIVACY).value
    numbers = {"age", "fnlwgt", "education-num", "capital-gain", "capital-loss", "hours-per-week"}
    for finding in findings.columns:
        assert finding.entity == ("country" if finding.column == "native-country" else None)
        assert finding.kind is (Kind.INTEGER if finding.column in numbers else Kind.CATEGORICAL)
