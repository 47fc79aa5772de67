"""The model as MLflow serves it: ask for rows, get rows of the synthetic table.

Logged as code, so that loading it unpickles nothing. Rows are those that `jobs/generate.py` writes for the
same seed and row numbers.
"""

import json
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pyarrow as pa
from mlflow.pyfunc import PythonModel
from pyspark.sql.pandas.types import to_arrow_type
from pyspark.sql.types import _parse_datatype_string

from synth.core.prepared import PreparedManifest
from synth.generate.rows import BLOCK, block_of_rows
from synth.models.sampler import load_sampler


class ServedModel(PythonModel):  # type: ignore[misc]  # mlflow ships no types
    """Input: a frame with columns `first_row`, `rows`, `seed`; output: the rows of all its lines."""

    def load_context(self, context: Any) -> None:
        """Load the sampler and the released description of the table."""
        self._sampler = load_sampler(Path(context.artifacts["model"]))
        text = Path(context.artifacts["prepared"]).read_text(encoding="utf-8")
        self._manifest = PreparedManifest.from_dict(json.loads(text))
        self._types = {
            column.name: to_arrow_type(_parse_datatype_string(column.spark_type), timezone="UTC")
            for column in self._manifest.schema.columns
        }

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:
        """Rows first_row .. first_row + rows - 1 of the synthetic table of that seed, for each line."""
        asked = model_input[["first_row", "rows", "seed"]].itertuples(index=False)
        return pd.concat([self._rows(int(f), int(n), int(s)) for f, n, s in asked], ignore_index=True)

    def _rows(self, first: int, rows: int, seed: int) -> pd.DataFrame:
        blocks = range(first // BLOCK, -(-(first + rows) // BLOCK))
        batches = [block_of_rows(self._sampler, self._manifest, b, seed, self._types) for b in blocks]
        start = first - blocks[0] * BLOCK if len(blocks) else 0
        return pa.Table.from_batches(batches).slice(start, rows).to_pandas() if batches else pd.DataFrame()


mlflow.models.set_model(ServedModel())
