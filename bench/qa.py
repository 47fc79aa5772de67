"""Accuracy by the open package mostlyai-qa, in an environment of its own: it must never be a dependency.

Run by bench/quality.py as: LAKESYNTH_QA_PYTHON bench/qa.py TRAINING.csv SYNTHETIC.parquet; prints JSON.
Scores are those of the package's report: 10 bins a column, 1 - total variation distance, mean over columns,
pairs and triples; the synthetic table is cut to the training table's number of rows.
"""

import json
import sys
from pathlib import Path

import pandas as pd
from mostlyai.qa._accuracy import bin_data, calculate_bivariates, calculate_trivariates, calculate_univariates
from mostlyai.qa._sampling import prepare_data_for_accuracy

BINS = 10


def read(path: str) -> pd.DataFrame:
    """A CSV file, or a folder of Parquet files."""
    return pd.read_parquet(path) if Path(path).is_dir() else pd.read_csv(path)


def scores(training: pd.DataFrame, synthetic: pd.DataFrame) -> dict[str, float]:
    """Mean accuracies of columns, pairs and triples, and those that chance alone would leave."""
    synthetic = synthetic[training.columns].head(len(training))
    real = prepare_data_for_accuracy(df_tgt=training, setup="1:1")
    made = prepare_data_for_accuracy(df_tgt=synthetic, setup="1:1", ori_dtypes=real.dtypes.to_dict())
    real, bins = bin_data(real, BINS)
    made, _ = bin_data(made, bins)
    found = {
        "univariate": calculate_univariates(real, made),
        "bivariate": calculate_bivariates(real, made),
        "trivariate": calculate_trivariates(real, made),
    }
    means = {name: float(table.accuracy.mean()) for name, table in found.items()}
    chance = {f"{name}_max": float(table.accuracy_max.mean()) for name, table in found.items()}
    overall = (means["univariate"] + means["bivariate"]) / 2
    return {"overall": overall, **means, **chance}


if __name__ == "__main__":
    print(json.dumps(scores(read(sys.argv[1]), read(sys.argv[2]))))
