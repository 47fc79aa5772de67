"""YAML in, checked sections out; every fault named at once."""

from pathlib import Path

import pytest

from synth.config.load import config_hash, load_config, read_defaults
from synth.config.sections import Config
from synth.errors import ConfigError

MINIMAL = "name: t\nsource: {path: /data/t}\n"


def written(folder: Path, text: str, name: str = "t.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_base_yaml_names_every_key_with_the_default_the_code_has() -> None:
    def keys(fields: dict[str, object]) -> set[str]:
        found = set()
        for key, value in fields.items():
            found.add(key)
            if isinstance(value, dict):
                found |= {f"{key}.{below}" for below in keys(value)}
        return found

    defaults = read_defaults()
    filled = Config.model_validate({**defaults, "name": "t", "source": {**defaults["source"], "path": "/d"}})
    bare = Config.model_validate({"name": "t", "source": {"path": "/d"}})
    assert filled == bare
    assert keys(bare.model_dump()) == keys(defaults)


def test_later_files_and_overrides_win(tmp_path: Path) -> None:
    first = written(tmp_path, MINIMAL + "train: {steps: 5, ranks: 3}\n")
    second = written(tmp_path, "train: {ranks: 4}\n", "more.yaml")
    config = load_config([first, second], ["train.steps=9", "columns.a b.kind=id"])
    assert (config.train.steps, config.train.ranks) == (9, 4)
    assert config.columns["a b"].kind == "id"


def test_all_faults_are_named_in_one_error(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "name: t\nsource: {path: /d}\nprivacy: {epsilon: 0, delta: 2}\ncolums: {}\n"
        "columns: {AGE: {lower: 3, upper: 1}}\ntrain: {ranks: 0}\n",
    )
    with pytest.raises(ConfigError) as caught:
        load_config([path])
    message = str(caught.value)
    for fault in ("privacy.epsilon", "privacy.delta", "colums: unknown key", "columns.AGE", "train.ranks"):
        assert fault in message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name: [", "not valid YAML at line"),
        ("- 1", "must hold sections"),
        ("name: t\n", "source"),
        (MINIMAL + "privacy: {epsilon: .nan}\n", "privacy.epsilon"),
        (MINIMAL + "privacy: {unit: {entity: id, max_rows: 0}}\n", "max_rows"),
        (MINIMAL + "target: {path: /data/t}\n", "target is the source itself"),
        (MINIMAL + "columns: {a: {drop: true}}\nevaluate: {target: a}\n", "dropped column"),
        (MINIMAL + "prepare: {files: 1}\n", "prepare.files"),
        (
            "name: t\nsource: {path: /d, options: {inferSchema: true}}\n",
            "source: options inferSchema .*no budget",
        ),
        ("name: t\nsource: {path: /d, format: json}\n", "source.format"),
        (
            MINIMAL + "privacy: {unit: {entity: a}}\ncolumns: {a: {drop: true}}\n",
            "privacy.unit.entity is the dropped column",
        ),
        (MINIMAL + "train: {min_ranks: 3}\n", "train: min_ranks is 3, above ranks 2"),
        (MINIMAL + "train: {launcher: spark, min_ranks: 1}\n", "min_ranks is for launcher horovodrun"),
        (MINIMAL + "train: {discovery: hosts.sh}\n", "set min_ranks too"),
        (MINIMAL + "model: {vae: {variational: false}}\n", "model.vae: .*set prior: mixture"),
        (MINIMAL + "columns: {a: {entity: shoe}}\n", "columns.a.entity: .*'ssn'"),
        (MINIMAL + "mask: {templates: {shoe: hash}}\n", "mask.templates.shoe"),
    ],
)
def test_bad_files_end_in_one_readable_error(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        load_config([written(tmp_path, text)])


def test_a_missing_file_and_a_bad_override_are_readable(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config([tmp_path / "none.yaml"])
    with pytest.raises(ConfigError, match=r"section\.key=value"):
        load_config([written(tmp_path, MINIMAL)], ["train"])


def test_an_empty_section_keeps_its_defaults(tmp_path: Path) -> None:
    assert load_config([written(tmp_path, MINIMAL + "columns:\ntrain:\n")]).train.ranks == 2


def test_no_privacy_and_entity_units_can_be_asked_for(tmp_path: Path) -> None:
    bare = load_config([written(tmp_path, MINIMAL + "privacy: {epsilon: null}\n")])
    assert bare.privacy.budget is None
    entity = load_config([written(tmp_path, MINIMAL + "privacy: {unit: {entity: id, max_rows: 3}}\n")])
    assert str(entity.privacy.privacy_unit) == "entity id, at most 3 rows"


def test_equal_settings_have_equal_hashes(tmp_path: Path) -> None:
    one = load_config([written(tmp_path, MINIMAL)])
    same = load_config([written(tmp_path, MINIMAL + "train: {ranks: 2}\n")])
    other = load_config([written(tmp_path, MINIMAL)], ["train.ranks=3"])
    assert config_hash(one) == config_hash(same) != config_hash(other)


def test_a_partition_that_was_asked_for_is_a_category_of_its_values(tmp_path: Path) -> None:
    asked = MINIMAL + "privacy: {partitions: {column: DAY, values: [20261125, 20261126]}}\n"
    config = load_config([written(tmp_path, asked)])
    assert config.columns["DAY"].kind == "categorical"
    assert config.columns["DAY"].categories == ("20261125", "20261126")
    more = load_config([written(tmp_path, asked + "columns: {DAY: {kind: date, weight: 2}}\n")])
    assert (more.columns["DAY"].kind, more.columns["DAY"].weight) == ("categorical", 2)
    with pytest.raises(ConfigError, match=r"columns\.DAY\.parts: privacy\.partitions gives its values"):
        load_config([written(tmp_path, asked + "columns: {DAY: {parts: [month], lower: 3}}\n")])
