"""Generation's door to Spark: blocks of rows, each made by whichever task gets it."""

import atexit
import functools
import json
import re
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
from pyspark import SparkFiles
from pyspark.errors import AnalysisException, ParseException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StructField, StructType, _parse_datatype_string

from synth.core.prepared import PreparedManifest
from synth.core.schema import Column
from synth.errors import ConfigError
from synth.generate.rows import BLOCK, Sampler, block_of_rows
from synth.generate.starting import AS_LEARNED, Starting
from synth.lake.tables import quoted

_UNREPEATABLE = re.compile(
    r"\b(rand|randn|random|uuid|shuffle|now|current_\w+|localtimestamp|input_file_\w+|spark_partition_id|"
    r"monotonically_increasing_id|first|last|any_value)\s*\(|\bcurrent_(date|timestamp|user)\b",
    re.IGNORECASE,
)
LoadSampler = Callable[[Path], Sampler]


def generated(
    spark: SparkSession,
    manifest: PreparedManifest,
    model: Path,
    load_sampler: LoadSampler,
    *,
    rows: int,
    seed: int,
    partitions: int | None,
    starting: Starting = AS_LEARNED,
) -> DataFrame:
    """The synthetic table, lazily: `rows` rows with the manifest's columns and types.

    Args:
      model: folder of the model's artifact; it travels to the workers as one file.
      load_sampler: loads the artifact on a worker; called once per worker process.
      partitions: how many tasks share the work; the rows do not depend on it.
      starting: columns to draw first; checked against the model by the caller.
    """
    bundle = _bundle(manifest, model, starting)
    spark.addArtifact(str(bundle), file=True)
    columns = manifest.schema.columns
    schema = StructType(
        [
            StructField(column.name, _parse_datatype_string(column.spark_type), column.nullable)
            for column in columns
            if column.derived is None
        ]
    )
    arrow_schema = to_arrow_schema(schema, timezone="UTC")
    types = {field.name: field.type for field in arrow_schema}
    name = bundle.name

    def make(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        sampler, released = _load(name, load_sampler)
        for batch in batches:
            for block in batch.column("block").to_pylist():
                made = block_of_rows(sampler, released, block, seed, types)
                left = rows - block * BLOCK
                yield made if left >= BLOCK else made.slice(0, left)

    n_blocks = -(-rows // BLOCK)
    parts = partitions or spark.sparkContext.defaultParallelism * 4
    blocks = spark.range(0, n_blocks, 1, min(parts, n_blocks)).withColumnRenamed("id", "block")
    return with_derived(blocks.mapInArrow(make, schema), columns)


def with_derived(frame: DataFrame, columns: Sequence[Column]) -> DataFrame:
    """The frame with its derived columns computed, in the order of `columns`."""
    for column in columns:
        if column.derived is not None:
            value = F.expr(column.derived).cast(column.spark_type)
            frame = frame.withColumn(column.name, value)
    return frame.select(*(quoted(column.name) for column in columns))


def check_derived(frame: DataFrame, columns: Sequence[Column]) -> None:
    """Raise ConfigError unless every derived column's expression can be computed from the other columns.

    Args:
      frame: any frame with the table's columns; none of its rows are read.
    """
    derived = [column for column in columns if column.derived is not None]
    known = frame.drop(*(column.name for column in derived))
    for column in derived:
        text = str(column.derived)
        try:
            known = known.withColumn(column.name, F.expr(text).cast(column.spark_type))
        except (AnalysisException, ParseException) as error:
            raise ConfigError(
                f"relations.derived.{column.name}: {text!r} cannot be computed ({error.getCondition()}); "
                "use Spark SQL over the table's other columns"
            ) from error
        if _UNREPEATABLE.search(text):
            raise ConfigError(
                f"relations.derived.{column.name}: {text!r} would differ from run to run; leave out "
                "functions of chance, of time and of the place of a row"
            )


def _bundle(manifest: PreparedManifest, model: Path, starting: Starting) -> Path:
    """One file with the model, the manifest and the start; its name is new, for Spark keeps files by name."""
    scratch = Path(tempfile.mkdtemp(prefix="lakesynth-"))
    # Executors fetch it as long as the session lives.
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    folder = scratch / "bundle"
    shutil.copytree(model, folder)
    text = json.dumps(manifest.to_dict(), sort_keys=True)
    (folder / "prepared.json").write_text(text, encoding="utf-8")
    (folder / "starting.json").write_text(json.dumps(starting.to_dict()), encoding="utf-8")
    archive = shutil.make_archive(str(scratch / f"model-{secrets.token_hex(8)}"), "zip", folder)
    shutil.rmtree(folder)
    return Path(archive)


@functools.lru_cache(maxsize=2)
def _load(name: str, load_sampler: LoadSampler) -> tuple[Sampler, PreparedManifest]:
    folder = Path(tempfile.mkdtemp(prefix="lakesynth-model-"))
    try:
        shutil.unpack_archive(SparkFiles.get(name), folder)
        fields = json.loads((folder / "prepared.json").read_text(encoding="utf-8"))
        starting = Starting.from_dict(json.loads((folder / "starting.json").read_text(encoding="utf-8")))
        sampler = load_sampler(folder)
        if not starting.is_plain:
            sampler = sampler.starting(starting.first, starting.temperature)
        return sampler, PreparedManifest.from_dict(fields)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
