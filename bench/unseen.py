"""Tables that nobody tuned for: the product from the command line, nothing declared, judged by column.

    python bench/unseen.py --data FOLDER --out bench/results/unseen.md
    python bench/unseen.py --data FOLDER --tables taxi,credit --epsilons 1,10,none --label before

FOLDER holds NAME/NAME.csv or NAME/NAME.parquet; NAME/options.yaml may name reader options, which anybody who
reads the file must know. Nothing else is declared: no kinds, bounds, categories, target. Each run is scan,
prepare, train and generate in a fresh folder with a fresh ledger. Figures are those of judge.py, beside the
score that another draw of the real rows gets. What each column and pair got, the configuration, the rows and
the logs stay in --scratch; --out keeps its text up to the line "## Figures" and gets the tables below it; its
JSON lines lie beside it.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import yaml
from judge import Judged, judge

REPOSITORY = Path(__file__).parents[1]
DELTA = 1e-5
STAGES = ("scan", "prepare", "train", "generate")
USABLE = (0, 3)  # 3: the stage ended, and says that its rows are not usable


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One run of one table; all scores are exact, so internal (not DP)."""

    label: str
    table: str
    epsilon: float | None
    rows: int
    columns: int
    score: float | None  # mean of univariate and bivariate; None where the run ended early
    univariate: float | None
    bivariate: float | None
    trivariate: float | None
    chance: float | None  # the score of a same-size draw, with replacement, of the real rows
    worst_columns: list[str]
    worst_pairs: list[str]
    made_up: list[str]  # identifiers: judged by spelling alone
    misspelt: list[str]
    calendar: list[str] = field(default_factory=list)  # worst weekdays and hours, beside the score
    seconds: dict[str, float]
    exit_codes: dict[str, int]
    said: list[str]  # the last line of stderr of each stage that did not end with 0


def source_of(folder: Path) -> dict[str, object]:
    """The source's part of the configuration."""
    options = folder / "options.yaml"
    found = {"options": yaml.safe_load(options.read_text(encoding="utf-8"))} if options.is_file() else {}
    for suffix in ("csv", "parquet"):
        path = folder / f"{folder.name}.{suffix}"
        if path.is_file():
            return {"path": str(path.resolve()), "format": suffix, **found}
    raise SystemExit(f"no {folder.name}.csv or {folder.name}.parquet in {folder}")


def real_rows(source: dict[str, object]) -> pd.DataFrame:
    """The table as it is written: words as in the file, and only empty cells null."""
    path = str(source["path"])
    if source["format"] == "parquet":
        return pq.read_table(path).to_pandas(types_mapper=pd.ArrowDtype)
    options = source.get("options", {})
    sep = options.get("sep", ",")
    names = list(pd.read_csv(path, sep=sep, nrows=0, encoding="utf-8-sig").columns)
    read = pa_csv.read_csv(
        path,
        read_options=pa_csv.ReadOptions(column_names=names, skip_rows=1),
        parse_options=pa_csv.ParseOptions(delimiter=sep, newlines_in_values=True),
        convert_options=pa_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
        ),
    )
    return read.to_pandas(types_mapper=pd.ArrowDtype)


def run(table: str, epsilon: float | None, data: Path, folder: Path, sets: list[str]) -> dict[str, dict]:
    """One whole run in `folder`; a stage that fails ends it."""
    config = {
        "name": table,
        "source": source_of(data / table),
        "privacy": {"epsilon": epsilon, "delta": DELTA},
        "ledger": {"url": f"sqlite:///{folder / 'ledger.db'}"},
        "track": {"uri": f"sqlite:///{folder / 'mlflow.db'}"},
        "spark": {"master": "local[2]", "conf": {"spark.driver.memory": "2g"}},
    }
    (folder / "table.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    told: dict[str, dict] = {"seconds": {}, "exit_codes": {}, "said": {}}
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "PYSPARK_PYTHON": sys.executable}
    overrides = [part for text in sets for part in ("--set", text)]
    for stage in STAGES:
        command = [sys.executable, "-m", "synth.cli", stage, "--config", "table.yaml", "--workdir", "work"]
        started = time.monotonic()
        done = subprocess.run(
            [*command, *overrides], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        told["seconds"][stage] = round(time.monotonic() - started, 1)
        told["exit_codes"][stage] = done.returncode
        (folder / f"{stage}.log").write_text(done.stdout + "\n" + done.stderr, encoding="utf-8")
        if done.returncode:
            told["said"][stage] = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1][:400]
        if done.returncode not in USABLE:
            break
    (folder / "told.json").write_text(json.dumps(told, indent=1), encoding="utf-8")
    return told


def outcome(label: str, table: str, epsilon: float | None, data: Path, folder: Path) -> Outcome:
    """What the run in `folder` came to."""
    real = real_rows(source_of(data / table))
    told = json.loads((folder / "told.json").read_text(encoding="utf-8"))
    made = folder / "work" / "synthetic"
    judged: Judged | None = None
    if told["exit_codes"].get("generate") in USABLE and made.is_dir():
        synthetic = pq.read_table(made).to_pandas(types_mapper=pd.ArrowDtype)
        judged = judge(real, synthetic)
        (folder / "judged.json").write_text(json.dumps(asdict(judged), indent=1), encoding="utf-8")
    return Outcome(
        label=label,
        table=table,
        epsilon=epsilon,
        rows=len(real),
        columns=real.shape[1],
        score=judged.score if judged else None,
        univariate=judged.univariate if judged else None,
        bivariate=judged.bivariate if judged else None,
        trivariate=judged.trivariate if judged else None,
        chance=judged.chance if judged else None,
        worst_columns=judged.worst(judged.columns) if judged else [],
        worst_pairs=judged.worst(judged.pairs) if judged else [],
        made_up=list(judged.identifiers) if judged else [],
        misspelt=judged.misspelt() if judged else [],
        calendar=judged.worst(judged.calendar, 3) if judged else [],
        seconds=told["seconds"],
        exit_codes=told["exit_codes"],
        said=[f"{stage}: {line}" for stage, line in told["said"].items()],
    )


_HEAD = (
    "| table | rows x columns | epsilon | run | score | chance | below chance | univariate | bivariate | "
    "trivariate | seconds | exit |\n" + "|---" * 12 + "|\n"
)


def tables_of(outcomes: list[Outcome]) -> str:
    """The outcomes as Markdown: a table, and a line for each about its worst parts."""
    ordered = sorted(
        outcomes, key=lambda o: (o.table, o.epsilon is None, o.epsilon or 0, o.label != "before")
    )
    lines = "".join(f"{_row(each)}\n" for each in ordered)
    notes = "".join(f"- {_note(each)}\n" for each in ordered)
    return f"{_HEAD}{lines}\nWorst columns and pairs, what is misspelt, and what was said:\n\n{notes}"


def _row(each: Outcome) -> str:
    gap = None if each.score is None or each.chance is None else each.chance - each.score
    scores = (each.score, each.chance, gap, each.univariate, each.bivariate, each.trivariate)
    codes = [str(code) for code in each.exit_codes.values()]
    cells = (
        each.table,
        f"{each.rows:,} x {each.columns}",
        _epsilon(each),
        each.label,
        *("-" if value is None else f"{value:.4f}" for value in scores),
        f"{sum(each.seconds.values()):.0f}",
        " ".join(codes) if set(codes) != {"0"} else "0",
    )
    return f"| {' | '.join(cells)} |"


def _note(each: Outcome) -> str:
    parts = {
        "columns": each.worst_columns,
        "pairs": each.worst_pairs,
        "misspelt": each.misspelt,
        "calendar": each.calendar,
        "said": each.said,
    }
    told = "; ".join(f"{name} {', '.join(words)}" for name, words in parts.items() if words)
    return f"**{each.table}**, epsilon {_epsilon(each)}, {each.label}: {told}"


def _epsilon(each: Outcome) -> str:
    return "none" if each.epsilon is None else f"{each.epsilon:g}"


def keep(outcomes: list[Outcome], out: Path) -> None:
    """Merge into the JSON lines beside `out`, by label, table and epsilon, and write its figures anew."""
    lines = out.with_suffix(".jsonl")
    known = (
        [Outcome(**json.loads(line)) for line in lines.read_text().splitlines()] if lines.is_file() else []
    )
    merged = {(each.label, each.table, each.epsilon): each for each in [*known, *outcomes]}
    lines.write_text("".join(json.dumps(asdict(each)) + "\n" for each in merged.values()), encoding="utf-8")
    text = out.read_text(encoding="utf-8") if out.is_file() else ""
    text = re.split(r"^## Figures$", text, flags=re.MULTILINE)[0]
    out.write_text(
        f"{text.rstrip()}\n\n## Figures\n\n{tables_of(list(merged.values()))}".lstrip(), encoding="utf-8"
    )


def main() -> None:
    """Run each table at each epsilon, one after another."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tables", help="names below --data; default: all")
    parser.add_argument("--epsilons", default="1", help="such as 1,10,none")
    parser.add_argument("--label", default="after", help="before, after")
    parser.add_argument("--set", action="append", default=[], dest="sets", help="section.key=value")
    parser.add_argument("--scratch", type=Path, help="default: a new temporary folder")
    parser.add_argument("--judge-only", action="store_true", help="score again what lies in --scratch")
    parser.add_argument("--out", type=Path, help="Markdown whose figures are written anew")
    asked = parser.parse_args()
    scratch = asked.scratch or Path(tempfile.mkdtemp(prefix="lakesynth-unseen-"))
    names = (
        asked.tables.split(",")
        if asked.tables
        else sorted(p.name for p in asked.data.iterdir() if p.is_dir())
    )
    for name in names:
        for text in asked.epsilons.split(","):
            folder = scratch / f"{asked.label}-{name}-{text}"
            epsilon = None if text == "none" else float(text)
            if not asked.judge_only:
                folder.mkdir(parents=True)
                run(name, epsilon, asked.data, folder, asked.sets)
            if not (folder / "told.json").is_file():
                continue
            found = outcome(asked.label, name, epsilon, asked.data, folder)
            print(_row(found), flush=True)
            if asked.out:
                keep([found], asked.out)


if __name__ == "__main__":
    main()
