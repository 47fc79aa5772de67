"""CSV is what it seems, or one line says what it is; and what we write comes back as it was."""

import csv
import io
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pyspark.sql import functions as F

from synth.config.sections import Source, Target
from synth.errors import SourceError
from synth.lake.csv_files import check_csv
from synth.lake.tables import read_table
from synth.lake.targets import write_table, written_as

pytestmark = pytest.mark.spark
SECRET = "Xerxes"
GOOD = f"name,n\n{SECRET},1\nb,2\n"


def source(folder: Path, *files: str | bytes, **options: str) -> Source:
    (folder / "t").mkdir()
    for number, content in enumerate(files):
        (folder / "t" / f"{number}.csv").write_bytes(
            content if isinstance(content, bytes) else content.encode()
        )
    return Source(path=str(folder / "t"), format="csv", options=options)


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ((GOOD, f"n,name\n1,{SECRET}\n"), "in another order"),
        ((GOOD, f"name,m\n{SECRET},1\n"), "other columns than the first"),
        ((GOOD, f"name,n,m\n{SECRET},1,2\n"), "other columns than the first"),
        ((GOOD + GOOD,), "its header again inside a file"),
        ((GOOD.encode("utf-16"),), "set source.options: {encoding: UTF-16, multiLine: true}"),
        ((GOOD.encode("utf-16-le"),), "NULs in its text"),
        ((GOOD + "a\0b,3\n",), "NULs in its text"),
        (("größe,n\na,1\n".encode("latin-1"),), "not UTF-8; set source.options.encoding"),
        (((GOOD + "Zürich,3\n").encode("latin-1"),), "not UTF-8; set source.options.encoding"),
        ((GOOD + 'a "b,3\n',), "an unpaired quote"),
        ((f"name;n\n{SECRET};1\n",), 'set source.options.sep: ";"'),
        ((f"name\tn\n{SECRET}\t1\n",), 'set source.options.sep: "\\t"'),
        ((f"{SECRET},1.5\nb,2\n",), "seems to begin with values"),
        ((f"{SECRET},17,40\nb,2,1\n",), "seems to begin with values"),
        ((f"{SECRET},2024-01-31\nb,2\n",), "seems to begin with values"),
    ],
)  # fmt: skip
def test_a_csv_that_is_not_what_it_seems_is_one_line_without_a_value(
    spark: Any, tmp_path: Path, files: tuple[str | bytes, ...], says: str
) -> None:
    table = source(tmp_path, *files)
    with pytest.raises(SourceError) as caught:
        (read_table(spark, table), check_csv(spark, table))
    assert says in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("files", "options"),
    [
        ((GOOD, GOOD, "name,n\n"), {}),
        (("\ufeff" + GOOD, GOOD), {}),
        (("\n\n" + GOOD, '"name","n"\na,1\n'), {}),
        (("",  GOOD), {}),
        (("name\nname\nb\n",), {}),
        (("country,1990,1991,1992\na,1,2,3\n",), {}),
        (("1,1990,5\na,1,2\n",), {"header": "true"}),
        (("a,1.5\nb,2\n",), {"header": "false"}),
        (("name;n\na;1\n",), {"sep": ";"}),
        (("# one\n" + GOOD, "# two\n" + GOOD), {"comment": "#"}),
        ((GOOD + 'a "b,3\n',), {"quote": ""}),
        ((GOOD + '"a\nb",3\n',), {"multiLine": "true"}),
        (((GOOD + "Zürich,3\n").encode("latin-1"),), {"encoding": "ISO-8859-1"}),
        ((GOOD.encode("utf-16"),), {"encoding": "UTF-16", "multiLine": "true"}),
    ],
)  # fmt: skip
def test_a_csv_that_is_what_it_says_is_read(
    spark: Any, tmp_path: Path, files: tuple[str | bytes, ...], options: dict[str, str]
) -> None:
    table = source(tmp_path, *files, **options)
    frame = read_table(spark, table)
    check_csv(spark, table)
    assert frame.collect()


TEXTS = ("a", "", None, " lead", "trail ", " ", "a,b", 'q"u"o', "line\nend", "crlf\r\nend", "cr\rend", "\n",
         "\r", "\t", "\\", '\\"', '"', '""', "'", "#c", "null", "NULL", "NA", "ä",
         "a\\nb", "-", "a;b", "\u2028")  # fmt: skip


def test_texts_in_a_csv_come_back_as_they_were(spark: Any, tmp_path: Path) -> None:
    frame = spark.createDataFrame(list(enumerate(TEXTS)), "i int, v string").withColumn(
        "t", F.expr("timestamp '2026-11-25 10:30:00.123456' + make_interval(0, 0, 0, 0, 0, i, 0)")
    )
    target = Target(path=str(tmp_path / "out"), format="csv")
    write_table(frame, target, expected_rows=len(TEXTS))
    read = read_table(spark, written_as(target))
    assert {int(row.i): row.v for row in read.collect()} == dict(enumerate(TEXTS))
    assert read.where("i = '1'").head().t == "2026-11-25 10:31:00.123456"
    write_table(frame, target.model_copy(update={"mode": "append"}), expected_rows=len(TEXTS))
    again = read_table(spark, written_as(target))
    assert sorted(map(repr, again.select("v").collect())) == sorted(
        map(repr, [*read.select("v").collect()] * 2)
    )
    files = sorted((tmp_path / "out").glob("*.csv"))
    by_pandas = pd.concat(pd.read_csv(file, keep_default_na=False) for file in files)
    assert dict(zip(by_pandas.i, by_pandas.v, strict=True)) == {i: v or "" for i, v in enumerate(TEXTS)}
    texts = (io.StringIO(file.read_bytes().decode(), newline="") for file in files)
    rows = [row for text in texts for row in csv.reader(text) if row[0] != "i"]
    assert {row[1] for row in rows} == {v or "" for v in TEXTS}
