"""A place with levels: what belongs together comes out together, as fine as the noise allows."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from synth.config.sections import Prepare, RelationSettings
from synth.core.codebook import RegionCodebook, codebook_from_dict, codebook_to_dict
from synth.core.feature import Role, coded_features_of, features_of
from synth.core.finding import Findings
from synth.core.prepared import PreparedManifest
from synth.core.schema import Column, Kind, PrivacyUnit, TableSchema
from synth.generate.fields import learned_of
from synth.generate.made_up import fakes
from synth.lake.columns import joined
from synth.prepare.encode import encode
from synth.prepare.fit import fit
from synth.prepare.plan import PreparePlan, Purpose
from synth.prepare.relations import apply_relations
from synth.prepare.summary import Summary, count_batches
from synth.privacy.entry import Receipt

N = 20_000
TOWNS = (  # state, county, city, share, latitude, longitude
    ("MA", "Suffolk", "Boston", 0.5, 42.36, -71.06),
    ("MA", "Hampden", "Springfield", 0.2, 42.10, -72.59),
    ("TX", "Dallas", "Dallas", 0.25, 32.78, -96.80),
    ("TX", "Hays", "Springfield", 0.05, 30.20, -98.10),
)
PREFIXES = {"Boston": "021", "Dallas": "752"}
TYPES = {
    **dict.fromkeys(("state", "county", "city", "zip"), pa.string()),
    **dict.fromkeys(("lat", "lon"), pa.float64()),
}


def column(name: str, entity: str, kind: Kind = Kind.CATEGORICAL) -> Column:
    return Column(name=name, spark_type="double" if kind is Kind.REAL else "string", kind=kind, entity=entity)


COLUMNS = (
    *(column(name, name) for name in ("state", "county", "city")),
    column("zip", "postcode"),
    column("lat", "latitude", Kind.REAL),
    column("lon", "longitude", Kind.REAL),
)


def people(n: int = N) -> pa.RecordBatch:
    generator = np.random.default_rng(0)
    town = generator.choice(len(TOWNS), n, p=[share for *_, share, _, _ in TOWNS])
    number = np.floor(generator.random(n) ** 3 * 20).astype(int)
    prefix = np.array([PREFIXES.get(place[2], f"9{index}0") for index, place in enumerate(TOWNS)])[town]
    names = [pa.array(np.array([place[level] for place in TOWNS])[town]) for level in range(3)]
    zips = [None if k == 19 else f"{p}{k:02d}" for p, k in zip(prefix, number, strict=True)]
    at = [np.array([place[axis] for place in TOWNS])[town] + 0.004 * number for axis in (4, 5)]
    return pa.RecordBatch.from_arrays(
        [*names, pa.array(zips), pa.array(at[0]), pa.array(at[1])], names=list(TYPES)
    )


def released(
    batch: pa.RecordBatch, mu: float | None, columns: tuple[Column, ...] = COLUMNS, **relations: Any
) -> PreparedManifest:
    columns, found = apply_relations(columns, RelationSettings(**relations))
    schema = TableSchema(name="t", columns=columns, unit=PrivacyUnit(), relations=found)
    plan = PreparePlan.of(schema, Prepare(), mu, 1e-6, batch.num_rows)
    features = features_of(schema)
    records = list(count_batches(iter([batch]), features, schema, max_held=10**6))
    summary = Summary.of_records(pa.Table.from_batches(records), len(features), None)
    findings = Findings(table="t", n_rows=batch.num_rows, columns=(), is_private=True)
    return fit(summary, schema, plan, Receipt(entry=1, events=plan.events()), Prepare(), findings)


def rows_of(manifest: PreparedManifest, n: int = N) -> dict[str, pa.Array]:
    """Rows of a model that draws every feature by its released counts."""
    generator = np.random.default_rng(1)
    codes, uniforms = {}, {}
    for book in manifest.codebooks:
        shares = np.array(book.counts) / sum(book.counts)
        codes[book.column] = generator.choice(book.n_codes, n, p=shares).astype(np.uint16)
        uniforms[book.column] = generator.random(n)
    learned = learned_of(manifest, codes, uniforms, TYPES)
    return fakes(manifest, learned, np.arange(n, dtype=np.int64), 0, TYPES, {})


def book_of(manifest: PreparedManifest) -> RegionCodebook:
    (book,) = (book for book in manifest.codebooks if isinstance(book, RegionCodebook))
    return book


def test_the_scan_s_places_become_one_feature_of_all_levels() -> None:
    manifest = released(people(), 2.0)
    assert [feature.role for feature in manifest.features] == [Role.REGION]
    assert manifest.domain.names == ("state > county > city > zip > lat x lon",)
    assert manifest.schema.relations.together == ()


@pytest.mark.parametrize("mu", [None, 2.0, 0.2, 0.05])
def test_no_city_comes_out_in_a_wrong_state_and_no_postcode_in_a_wrong_city(mu: float | None) -> None:
    batch, made = people(), rows_of(released(people(), mu))
    for names in (("state", "county"), ("state", "city"), ("city", "zip")):
        real = set(zip(*(batch.column(name).to_pylist() for name in names), strict=True))
        known = [set(batch.column(name).to_pylist()) for name in names]
        for pair in set(zip(*(made[name].to_pylist() for name in names), strict=True)):
            if all(value in values for value, values in zip(pair, known, strict=True)):
                is_faked = names == ("city", "zip") and pair[1] is not None
                assert pair in real or (is_faked and pair[0] not in PREFIXES), pair


@pytest.mark.parametrize(("mu", "most"), [(None, 0.03), (2.0, 0.03), (0.2, 0.1)])
def test_a_position_lies_in_its_city(mu: float | None, most: float) -> None:
    made = rows_of(released(people(), mu))
    city, state = made["city"].to_pylist(), made["state"].to_pylist()
    place = {(s, c): (lat, lon) for s, _, c, _, lat, lon in TOWNS}
    near = [
        abs(lat - place[key][0] - 0.04) < 0.04 + most and abs(lon - place[key][1] - 0.04) < 0.04 + most
        for key, lat, lon in zip(
            zip(state, city, strict=True), made["lat"].to_pylist(), made["lon"].to_pylist(), strict=True
        )
        if key in place
    ]
    assert len(near) > N / 2
    assert np.mean(near) > 0.98


def test_a_position_is_missing_only_where_positions_are_missing() -> None:
    """Noise may make nulls up at the coarsest level alone; where each place asked, every fit had some."""
    batch = people(8_000)
    books = [book_of(released(batch, 0.15)) for _ in range(6)]
    with_nulls = [any(cell is None for leaf in book.leaves for cell, _, _ in leaf.cells) for book in books]
    assert sum(with_nulls) <= 1
    lat = pa.array([None if i % 4 == 0 else 42.36 for i in range(8_000)], pa.float64())
    made = rows_of(released(batch.set_column(4, "lat", lat), 1.0), 8_000)
    assert made["lat"].null_count == pytest.approx(2_000, abs=300)


def test_shares_of_every_level_are_kept_without_noise() -> None:
    batch, made = people(), rows_of(released(people(), None))
    for name in ("state", "county", "city", "zip"):
        real, other = (
            {entry["values"]: entry["counts"] / N for entry in values.value_counts().to_pylist()}
            for values in (batch.column(name), made[name])
        )
        assert sum(abs(real.get(key, 0) - other.get(key, 0)) for key in real | other) < 0.06


def test_where_only_the_coarse_is_known_the_fine_is_made_up_to_fit() -> None:
    made = rows_of(released(people(1_500), 0.12), 3_000)
    assert set(made["state"].to_pylist()) <= {"MA", "TX"}
    zips = [
        z for s, z in zip(made["state"].to_pylist(), made["zip"].to_pylist(), strict=True) if s == "TX" and z
    ]
    assert zips
    assert all(text.isdigit() and len(text) == 5 for text in zips)
    assert made["city"].null_count == 0
    assert made["lat"].null_count == 0


def test_names_that_noise_hides_all_are_made_up_text() -> None:
    manifest = released(people(40), 0.05)
    assert not manifest.codebooks or manifest.schema.relations.regions == ()
    assert {c.kind for c in manifest.schema.columns if c.name in ("state", "county", "city")} == {Kind.TEXT}


def test_what_is_coded_is_the_finest_place_that_has_a_code_and_comes_back_from_json() -> None:
    manifest = released(people(), 2.0)
    book = book_of(manifest)
    assert codebook_from_dict(codebook_to_dict(book)) == book
    (feature,) = coded_features_of(manifest.schema)
    batch = people()
    codes = encode(batch, feature, book, manifest.schema)
    named = np.array(["", *book.categories])[codes]
    whole = joined([batch.column(n) for n in ("state", "county", "city")]).to_pylist()
    assert np.mean([code.startswith(text) for code, text in zip(named, whole, strict=True)]) > 0.9
    counted = np.bincount(codes, minlength=book.n_codes)
    assert np.abs(counted - np.array(book.counts)).max() < 300


def test_values_with_any_characters_are_places_too() -> None:
    odd = pa.array(["a\x1fb", "", None, "\x1a", "\x1br"] * (N // 5))
    batch = people()
    batch = batch.set_column(0, "state", odd)
    made = rows_of(released(batch, None))
    assert set(made["state"].to_pylist()) == set(odd.to_pylist())


def test_declared_combinations_of_names_alone_are_kept_by_the_place_and_others_keep_their_columns() -> None:
    both = (*COLUMNS, Column(name="plan", spark_type="string", kind=Kind.CATEGORICAL))
    _, found = apply_relations(both, RelationSettings(together=[("city", "state")]))
    assert found.together == ()
    assert found.regions == (("state", "county", "city", "zip"),)
    _, found = apply_relations(both, RelationSettings(together=[("city", "plan")]))
    assert found.together == (("city", "plan"),)
    assert found.regions == (("state", "county", "zip"),)
    _, found = apply_relations(both, RelationSettings(regions=[]))
    assert found.regions == ()


def test_a_country_alone_is_no_place_and_a_postcode_with_a_position_is() -> None:
    _, found = apply_relations(COLUMNS[:1], RelationSettings())
    assert found.regions == ()
    made = rows_of(released(people().select(["zip", "lat", "lon"]), 2.0, COLUMNS[3:]))
    assert set(made) == {"zip", "lat", "lon"}
    boston = [
        lat for z, lat in zip(made["zip"].to_pylist(), made["lat"].to_pylist(), strict=True) if z == "02100"
    ]
    assert len(boston) > 1_000
    # Noise may leave a part of a postcode in a coarser cell.
    assert np.ptp(np.quantile(boston, [0.05, 0.95])) < 0.1


def test_cells_are_asked_for_once_a_grid_and_need_no_threshold() -> None:
    columns, found = apply_relations(COLUMNS, RelationSettings())
    schema = TableSchema(name="t", columns=columns, unit=PrivacyUnit(), relations=found)
    plan = PreparePlan.of(schema, Prepare(), 1.0, 1e-6, N)
    purposes = [query.purpose for query in plan.queries]
    assert purposes.count(Purpose.FOUND) == plan.n_selections == 5
    assert purposes.count(Purpose.CELLS) == 5
    assert all(query.sensitivity == 1 for query in plan.queries)
    assert not any("cells" in name for name in plan.pruned(schema))
