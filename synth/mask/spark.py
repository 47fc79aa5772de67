"""Masking's door to Spark: a lazy frame of masked values."""

from collections.abc import Iterable, Iterator, Mapping

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql.types import StringType, StructField, StructType

from synth.config.sections import MaskOperator
from synth.errors import ConfigError
from synth.lake.tables import MapBatches, map_in_arrow
from synth.mask.operators import mask_values


def masked(frame: DataFrame, operators: Mapping[str, MaskOperator], key: bytes) -> DataFrame:
    """The frame with each column's operator applied; masked columns are strings, kept ones keep their type.

    Args:
      operators: one for every column of the frame.
      key: secret of `hash`. It travels inside the serialised function: a literal would stand in the
        query plan, and plans are logged.
    Raises: ConfigError if no column is left; ValueError if a column has no operator.
    """
    unplanned = [name for name in frame.columns if name not in operators]
    if unplanned:
        raise ValueError(f"no mask operator for {', '.join(unplanned)}")
    left = [field for field in frame.schema.fields if operators[field.name] is not MaskOperator.DROP]
    if not left:
        raise ConfigError("every column of the masked table is dropped; keep or mask at least one")
    schema = StructType([_masked_field(field, operators[field.name]) for field in left])
    plan = {field.name: operators[field.name] for field in left}
    return map_in_arrow(frame, _masker(plan, key), schema)


def _masked_field(field: StructField, operator: MaskOperator) -> StructField:
    if operator is MaskOperator.KEEP:
        return field
    return StructField(field.name, StringType(), nullable=field.nullable)


def _masker(plan: Mapping[str, MaskOperator], key: bytes) -> MapBatches:
    """Batches of the columns named in `plan`, masked, in its order."""

    def mask(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            arrays = []
            for name, operator in plan.items():
                values = batch.column(name)
                expected = values.type if operator is MaskOperator.KEEP else pa.string()
                arrays.append(mask_values(values, operator, key))
                assert arrays[-1].type == expected, f"column {name!r} came out as {arrays[-1].type}"
            yield pa.RecordBatch.from_arrays(arrays, names=list(plan))

    return mask
