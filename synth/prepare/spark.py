"""Preparation's door to Spark: one job that counts, one job that encodes."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pyarrow as pa
from pyspark.errors import PythonException
from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import IntegerType, LongType, ShortType, StructField, StructType

from synth.core.prepared import UNIT_COLUMN, PreparedManifest
from synth.core.schema import Column, PrivacyUnit, TableSchema
from synth.errors import ConfigError
from synth.lake.tables import map_in_arrow, quoted
from synth.prepare.encode import code_type, encode_batch
from synth.prepare.schema import Field
from synth.prepare.summary import ColumnSummary, Record, Summary, records_of

_RECORD = "column string, category string, cell long, count long"
_TOO_MANY = "too many distinct values in column"


def fields_of(frame: DataFrame) -> list[Field]:
    """The frame's columns as public facts."""
    return [
        Field(name=field.name, spark_type=field.dataType.simpleString(), nullable=field.nullable)
        for field in frame.schema.fields
    ]


def collect_summary(frame: DataFrame, schema: TableSchema, *, max_distinct: int) -> Summary:
    """Exact counts of all modelled columns, and of rows and units, in one pass over the table.

    Args:
      frame: source rows, already bounded to `schema.unit.max_rows` per unit.
      max_distinct: most distinct values or cells that one column may have within one task.
    Raises: ConfigError naming a column with more.
    """
    columns = schema.modelled
    counted = frame.select(*(quoted(column.name) for column in columns)) if columns else frame
    records = (
        map_in_arrow(counted, _count_partition(columns, max_distinct), _RECORD)
        .groupBy("column", "category", "cell")
        .agg(F.sum("count").alias("count"))
    )
    n_units = None
    if schema.unit.entity is not None:
        n_units = frame.select(quoted(schema.unit.entity)).distinct().count()
    try:
        collected = records.toArrow()
    except PythonException as error:
        name = _column_in(str(error), columns)
        if name is None:
            raise
        raise ConfigError(
            f"column {name!r} has more than {max_distinct} distinct values; set columns.{name}.kind "
            "to text or id, or raise prepare.max_distinct"
        ) from error
    rows = zip(*(collected.column(name).to_pylist() for name in collected.column_names), strict=True)
    return Summary.of_records(rows, columns, n_units)


def write_codes(
    frame: DataFrame, manifest: PreparedManifest, folder: Path, *, files: int, salt: bytes
) -> None:
    """Write the coded table as `files` Parquet files; all rows of a privacy unit share one file.

    Which file a row goes to is a keyed hash of its unit alone, so one row's place says nothing of others.
    """
    unit = frame.withColumn(UNIT_COLUMN, _unit_hash(frame, manifest.schema.unit, salt))
    codebooks = manifest.codebooks
    columns = {column.name: column for column in manifest.schema.modelled}
    coded_schema = StructType(
        [
            StructField(UNIT_COLUMN, LongType(), False),
            *(
                StructField(
                    codebook.column,
                    ShortType() if pa.types.is_int16(code_type(codebook)) else IntegerType(),
                    False,
                )
                for codebook in codebooks
            ),
        ]
    )
    names = [field.name for field in coded_schema.fields]

    def encode_partition(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            coded = {UNIT_COLUMN: batch.column(UNIT_COLUMN), **encode_batch(batch, codebooks, columns)}
            yield pa.RecordBatch.from_arrays([coded[name] for name in names], names=names)

    kept = [quoted(codebook.column) for codebook in codebooks]
    (
        map_in_arrow(unit.select(F.col(UNIT_COLUMN), *kept), encode_partition, coded_schema)
        .repartitionById(files, F.pmod(F.col(UNIT_COLUMN), F.lit(files)).cast("int"))
        .write.option("maxRecordsPerFile", 0)  # a unit split over files would be split over ranks
        .mode("errorifexists")
        .parquet(f"file://{folder.absolute()}")
    )


def _count_partition(
    columns: tuple[Column, ...], max_distinct: int
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def count(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        summaries: dict[str, ColumnSummary] = defaultdict(ColumnSummary)
        n_rows = 0
        for batch in batches:
            n_rows += batch.num_rows
            for index, column in enumerate(columns):
                summaries[column.name].add(batch.column(column.name), column)
                if summaries[column.name].distinct > max_distinct:
                    raise ValueError(f"{_TOO_MANY} #{index}#")
        records: list[Record] = [("", None, None, n_rows)]
        for name, summary in summaries.items():
            records.extend(records_of(name, summary))
        yield pa.RecordBatch.from_arrays(
            [
                pa.array([record[0] for record in records], pa.string()),
                pa.array([record[1] for record in records], pa.string()),
                pa.array([record[2] for record in records], pa.int64()),
                pa.array([record[3] for record in records], pa.int64()),
            ],
            names=["column", "category", "cell", "count"],
        )

    return count


def _column_in(message: str, columns: tuple[Column, ...]) -> str | None:
    if _TOO_MANY not in message:
        return None
    return columns[int(message.split(f"{_TOO_MANY} #")[1].split("#")[0])].name


def _unit_hash(frame: DataFrame, unit: PrivacyUnit, salt: bytes) -> SparkColumn:
    names = frame.columns if unit.entity is None else [unit.entity]
    secret = F.lit(int.from_bytes(salt[:8], "big", signed=True))
    return F.xxhash64(secret, *(quoted(name) for name in names))
