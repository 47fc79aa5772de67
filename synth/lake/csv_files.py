"""What makes a CSV something else than it seems: told in one line before anything is charged."""

import csv
from collections.abc import Sequence
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from synth.config.sections import Source
from synth.errors import SourceError
from synth.lake.header import NOT_UTF_8, UTF_16
from synth.lake.readable import readable_errors

_BYTE_ORDER = (b"\xff\xfe", b"\xfe\xff")
_FIRST_LINE = "min_by(cast(value AS binary), place) FILTER (WHERE start = 0 AND trim(value) != '')"
_BYTE_ORDER_UTF_8 = b"\xef\xbb\xbf"


def check_csv(spark: SparkSession, source: Source) -> None:
    """Raise SourceError for torn lines, encodings, NULs, and files whose header is another, or comes again.

    The halves of a record torn at a line end inside quotes can look like two good records, and a file with
    its columns in another order like a good one: no parser notices. One pass over the text.
    """
    options = {name.lower(): value for name, value in source.options.items()}
    encoding = options.get("encoding", options.get("charset", "utf-8")).lower()
    if source.format != "csv" or source.path is None or encoding.startswith(("utf-16", "utf-32")):
        return
    with readable_errors(source):
        lines = _lines(spark, source, options)
        first = lines.where("trim(value) != ''").select(F.col("value").cast("binary")).head()
        header = bytes(first[0]) if first else b""
        found = _facts(lines, header, options.get("quote", '"')).collect()
    faults = list(dict.fromkeys(_faults(found, header, options, encoding)))
    if faults:
        raise SourceError(f"source {source.place} has {'; and '.join(faults)}")


def _lines(spark: SparkSession, source: Source, options: dict[str, str]) -> DataFrame:
    """(value, file, start of its piece of the file, place): every line of all files."""
    reader = spark.read.option("lineSep", options["linesep"]) if "linesep" in options else spark.read
    lines = reader.text(source.path or "")
    if options.get("comment"):
        lines = lines.where(~F.startswith(F.col("value"), F.lit(options["comment"])))
    return lines.select(
        "value",
        F.col("_metadata.file_path").alias("file"),
        F.col("_metadata.file_block_start").alias("start"),
        F.monotonically_increasing_id().alias("place"),
    )


def _facts(lines: DataFrame, header: bytes, quote: str) -> DataFrame:
    """What is there of each fault, by the first line of the files: one row for files that begin alike."""
    quotes = F.length("value") - F.length(F.replace("value", F.lit(quote), F.lit("")))
    is_torn = quotes % 2 == 1 if quote else F.lit(False)
    again = F.col("value").cast("binary") == F.lit(bytearray(header))
    by_file = lines.groupBy("file").agg(  # (file, first line, faults)
        F.expr("min_by(cast(value AS binary), place) FILTER (WHERE start = 0 AND trim(value) != '')").alias(
            "header"
        ),
        F.bool_or(is_torn).alias("torn"),
        F.bool_or(F.contains(F.col("value"), F.lit("\0"))).alias("nul"),
        F.bool_or(~F.is_valid_utf8("value")).alias("invalid"),
        (F.count_if(again) > 1).alias("again"),
    )
    names = ("torn", "nul", "invalid", "again")
    return by_file.groupBy("header").agg(*(F.bool_or(name).alias(name) for name in names))


def _faults(found: Sequence[Any], header: bytes, options: dict[str, str], encoding: str) -> list[str]:
    faults = []
    if any(bytes(row["header"] or b"").startswith(_BYTE_ORDER) for row in found):
        return [UTF_16]
    if any(row["nul"] for row in found):
        faults.append(UTF_16)
    if encoding in ("utf-8", "utf8") and any(row["invalid"] for row in found):
        faults.append(NOT_UTF_8)
    if options.get("multiline", "false").lower() != "true" and any(row["torn"] for row in found):
        faults.append(
            "a line with an unpaired quote: a quoted line end or a plain one; if values hold line ends set "
            "source.options.multiLine: true, if quotes are plain characters set source.options.quote "
            "to an empty string"
        )
    if options.get("header", "true").lower() == "true":
        faults += _headers(found, header, options)
    return faults


def _headers(found: Sequence[Any], header: bytes, options: dict[str, str]) -> list[str]:
    """Spark takes the names from one file and leaves every other file's first line out, whatever it says."""
    wanted = _names(header, options)
    others = [_names(bytes(row["header"]), options) for row in found if row["header"] is not None]
    faults = []
    if any(names != wanted and sorted(names) == sorted(wanted) for names in others):
        faults.append("files with the same columns in another order; write all files with one order")
    if any(sorted(names) != sorted(wanted) for names in others):
        faults.append("files with other columns than the first; write all files with the same columns")
    if len(wanted) > 1 and any(row["again"] for row in found):
        faults.append("its header again inside a file; remove the lines that repeat it")
    return faults


def _names(line: bytes, options: dict[str, str]) -> list[str]:
    text = line.removeprefix(_BYTE_ORDER_UTF_8).decode("utf-8", errors="replace")
    separator = options.get("sep", options.get("delimiter", ",")).replace("\\t", "\t")
    quote = options.get("quote", '"')
    if len(separator) != 1 or len(quote) > 1:
        return text.split(separator)
    if not quote:
        return text.split(separator)
    return next(csv.reader([text], delimiter=separator, quotechar=quote), [])
