"""Counts that travel in blocks are the same counts, however they were cut."""

from collections import Counter

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from synth.prepare.blocks import in_blocks, merged, out_of_blocks
from synth.prepare.summary import RECORD_TYPES

CELLS = st.dictionaries(
    st.one_of(st.integers(0, 5000), st.integers(2**30, 2**30 + 9000)), st.integers(1, 2**40)
)
CATEGORIES = st.dictionaries(st.sampled_from(["a", "é", "", "z"]), st.integers(1, 9))
Counts = Counter[tuple[int, str | None, int | None]]


def record(
    feature: int, category: list[str | None], cell: list[int | None], count: list[int]
) -> pa.RecordBatch:
    columns = {"feature": [feature] * len(count), "category": category, "cell": cell, "count": count}
    return pa.RecordBatch.from_arrays(
        [pa.array(columns[name], kind) for name, kind in RECORD_TYPES.items()], names=list(RECORD_TYPES)
    )


def records_of(
    feature: int, cells: dict[int, int], categories: dict[str, int], nulls: int
) -> list[pa.RecordBatch]:
    places = sorted(cells)
    return [
        record(feature, [None] * len(cells), [*places], [cells[place] for place in places]),
        record(feature, [*categories], [None] * len(categories), [*categories.values()]),
        record(feature, [None], [None], [nulls]),
    ]


def counted(table: pa.Table) -> Counts:
    counts: Counts = Counter()
    for row in table.to_pylist():
        counts[row["feature"], row["category"], row["cell"]] += row["count"]
    return counts


@given(
    tasks=st.lists(
        st.tuples(st.integers(-1, 2), CELLS, CATEGORIES, st.integers(1, 9)), min_size=1, max_size=5
    )
)
def test_blocks_add_up_to_the_records_that_they_were_made_of(
    tasks: list[tuple[int, dict[int, int], dict[str, int], int]],
) -> None:
    records = [part for task in tasks for part in records_of(*task)]
    rows = pa.Table.from_batches(in_blocks(records))
    # What Spark does between: one row a key, with the sum of counts and the list of pieces.
    grouped = rows.group_by(["feature", "category", "block"]).aggregate([("count", "sum"), ("piece", "list")])
    lists = [[piece for piece in pieces if piece is not None] for pieces in grouped["piece_list"].to_pylist()]
    gathered = pa.table(
        {
            **{name: grouped[name] for name in ("feature", "category", "block")},
            "count": grouped["count_sum"],
            "pieces": pa.array(lists, pa.list_(pa.binary())),
        }
    )
    back = out_of_blocks(pa.Table.from_batches(merged(gathered.to_batches())))
    assert counted(back) == counted(pa.Table.from_batches(records))


def test_many_cells_travel_as_few_rows() -> None:
    cells = dict.fromkeys(range(100_000), 1)
    rows = pa.Table.from_batches(in_blocks(records_of(0, cells, {}, 1)))
    assert len(rows) < 30
