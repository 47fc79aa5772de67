"""Names and position of places drawn from a region's codebook: what belongs together comes out together."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from synth.core.codebook import Codebook, RegionCodebook
from synth.core.feature import Feature, box_of
from synth.core.mixing import mix
from synth.core.region import steps_of
from synth.core.schema import Column, TableSchema

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Places:
    """Drawn places by column: names as strings, numbers of the position, what is still to be made up, and the
    first parts of what is."""

    names: dict[str, pa.Array]
    position: dict[str, Floats]
    unnamed: dict[str, NDArray[np.bool_]]
    prefixes: dict[str, pa.Array]


def region_of(
    codebook: Codebook, feature: Feature, schema: TableSchema, codes: NDArray[np.uint16], uniforms: Floats
) -> Places:
    """A released place under each code, and a position within it. [n], [n] -> [n] each."""
    assert isinstance(codebook, RegionCodebook)
    leaves = codebook.leaf_of(codes, uniforms)
    null = leaves < 0
    at = np.where(null, 0, leaves)
    steps = steps_of([schema.column(name) for name in feature.columns])[: feature.depth]
    names, unnamed, prefixes = {}, {}, {}
    for level, step in enumerate(steps):
        known = [leaf.names[level] if level < len(leaf.names) else None for leaf in codebook.leaves]
        values = pa.array(known, pa.string()).take(pa.array(at, mask=null))
        name = step.column.name
        if step.is_prefix:
            prefixes[name] = values
            continue
        names[name] = values
        is_open = np.array([level >= len(leaf.names) for leaf in codebook.leaves])
        if is_open.any():
            unnamed[name] = is_open[at] & ~null
    pair = [schema.column(name) for name in feature.columns if name not in names]
    if not pair:
        return Places(names=names, position={}, unnamed=unnamed, prefixes=prefixes)
    # Three draws from one: a cell of the leaf, and where in the cell.
    cells, sizes, lacks = _cells(codebook, at, _uniform(uniforms, 1))
    fine = box_of(*pair).within(np.where(cells < 0, 0, cells), sizes, _uniform(uniforms, 2))
    position = placed(pair, np.where(null | (cells < 0), np.nan, fine), uniforms)
    if lacks.any():
        unnamed |= {column.name: lacks & ~null for column in pair}
    return Places(names=names, position=position, unnamed=unnamed, prefixes=prefixes)


def placed(pair: list[Column], cells: Floats, uniforms: Floats) -> dict[str, Floats]:
    """A place within each cell; where in the cell is drawn from the bits of the uniform."""
    bits = mix(uniforms.view(np.uint64))
    up = (bits >> np.uint64(32)).astype(np.float64) * 2.0**-32
    right = (bits & np.uint64(0xFFFFFFFF)).astype(np.float64) * 2.0**-32
    latitude, longitude = box_of(*pair).place(cells, up, right)
    values = {pair[0].name: latitude, pair[1].name: longitude}
    return {
        c.name: values[c.name] if c.decimals is None else np.round(values[c.name], c.decimals) for c in pair
    }


def _uniform(uniforms: Floats, stream: int) -> Floats:
    """Another number in [0, 1) from the bits of each."""
    bits = mix(mix(uniforms.view(np.uint64)) ^ np.uint64(stream))
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _cells(
    codebook: RegionCodebook, leaves: NDArray[np.int64], uniforms: Floats
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """A cell of each leaf, -1 for none; the bits of its grid; and whether no position was released. [n]
    each."""
    ends, cells, bits, lacks = _flat(codebook)
    place = np.searchsorted(ends, np.minimum(leaves + uniforms, np.nextafter(leaves + 1.0, 0)), side="right")
    place = np.minimum(place, len(cells) - 1)
    return cells[place], bits[place], lacks[leaves]


def _flat(
    codebook: RegionCodebook,
) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Ends of all cells on a line on which leaf k covers k .. k + 1, their numbers, their grids' bits; and
    of each leaf whether it has no cells."""
    ends: list[float] = []
    flat: list[tuple[int | None, int, float]] = []
    for number, leaf in enumerate(codebook.leaves):
        own = leaf.cells or ((None, 1, 1.0),)
        shares = np.cumsum([share for _, _, share in own])
        ends.extend((number + shares / shares[-1]).tolist())
        flat.extend(own)
    cells = np.array([-1 if cell is None else cell for cell, _, _ in flat], dtype=np.int64)
    bits = np.array([bits for _, bits, _ in flat], dtype=np.int64)
    return np.array(ends), cells, bits, np.array([not leaf.cells for leaf in codebook.leaves])
