"""What is written in YAML is what is read, whatever YAML's own rules make of it."""

from pathlib import Path
from typing import Any

import pytest

from synth.config.load import load_config
from synth.config.sections import Config
from synth.errors import ConfigError

MINIMAL = "name: t\nsource: {path: /data/t}\n"
WORDS = (
    "NO",
    "no",
    "Yes",
    "on",
    "off",
    "y",
    "True",
    "null",
    "~",
    "010",
    "01234",
    "668",
    "1.0",
    "1e3",
    "0x1F",
)
MORE = ("12:30", "190:20:30", "2026-11-25", "1_000", ".5", "+1", "-0", ".inf", "nan", "!", "=", "1.10")


def loaded(folder: Path, text: str, *overrides: str) -> Config:
    path = folder / "t.yaml"
    path.write_text(("name: t\n" if "source:" in text else MINIMAL) + text, encoding="utf-8")
    return load_config([path], overrides)


@pytest.mark.parametrize("word", [w for w in WORDS + MORE if w != "!"])
def test_a_word_stays_as_it_was_written_wherever_text_is_wanted(tmp_path: Path, word: str) -> None:
    listed = f"columns: {{{word}: {{categories: [{word}, other]}}}}\n"
    more = f"generate: {{rebalance: {{A: {{{word}: 0.5}}}}, fix: {{A: [{word}x, b]}}}}\n"
    given = (
        f"privacy: {{partitions: {{column: DAY, values: [{word}]}}}}\nspark: {{conf: {{{word}: {word}}}}}\n"
    )
    config = loaded(tmp_path, listed + more + given)
    assert config.columns[word].categories == (word, "other")
    assert config.generate.rebalance == {"A": {word: 0.5}}
    assert config.privacy.partitions is not None
    assert config.privacy.partitions.values == (word,)
    assert config.spark.conf == {word: word}
    by_override = loaded(tmp_path, "", f"columns.A.categories=[{word}, other]")
    assert by_override.columns["A"].categories == (word, "other")


@pytest.mark.parametrize(
    ("text", "where", "value"),
    [
        ("privacy: {epsilon: null}", "privacy.epsilon", None),
        ("privacy: {epsilon: 1e-1}", "privacy.epsilon", 0.1),
        ("track: {internal: true}", "track.internal", True),
        ("track: {internal: False}", "track.internal", False),
        ("train: {steps: 010}", "train.steps", 10),
        ("generate: {fix: {A: null}}", "generate.fix", {"A": None}),
        ("generate: {fix: {A: [null, NO]}}", "generate.fix", {"A": (None, "NO")}),
        ("generate: {fix: {A: 01}}", "generate.fix", {"A": "01"}),
        ("target: {partition_by: null}", "target.partition_by", None),
        ("relations: {unique: [null, NO]}", "relations.unique", ("null", "NO")),
        ("source: {path: /d, options: {multiLine: true, nullValue: NA}}", "source.options.nullValue", "NA"),
        ("model: {vae: {hidden: [64, 32]}}", "model.vae.hidden", (64, 32)),
    ],
)
def test_numbers_booleans_and_null_keep_their_types(
    tmp_path: Path, text: str, where: str, value: Any
) -> None:
    found: Any = loaded(tmp_path, text)
    for part in where.split("."):
        found = found[part] if isinstance(found, dict) else getattr(found, part)
    assert found == value
    assert type(found) is type(value)


def test_a_null_name_is_no_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="name"):
        loaded(tmp_path, "", "name=null")


@pytest.mark.parametrize(
    "text", ["columns: {A: {kind: id}, A: {kind: text}}", "columns:\n  1: {kind: id}\n  '1': {kind: text}"]
)
def test_a_key_that_is_there_twice_is_refused_with_its_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"t\.yaml line \d: key '(A|1)' is there twice"):
        loaded(tmp_path, text)
    with pytest.raises(ConfigError, match=r"--set privacy: the value .*'epsilon' is there twice"):
        loaded(tmp_path, "", "privacy={epsilon: 1, epsilon: 50}")


def test_what_holds_itself_is_one_readable_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not valid YAML"):
        loaded(tmp_path, "columns: &again {A: *again}")


@pytest.mark.parametrize(
    ("override", "name"),
    [
        ('columns."a.b".kind=id', "a.b"),
        ('columns."a=b.c".kind=id', "a=b.c"),
        ("columns.it's 5%.kind=id", "it's 5%"),
    ],
)
def test_an_override_names_columns_of_any_name(tmp_path: Path, override: str, name: str) -> None:
    assert loaded(tmp_path, "", override).columns[name].kind == "id"
