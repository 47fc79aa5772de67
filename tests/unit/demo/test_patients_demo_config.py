"""The demo's configuration is one that a user can copy."""

from pathlib import Path

from synth.config.load import load_config
from synth.demo.patients import COLUMNS, RACES

ROOT = Path(__file__).parents[3]


def test_the_demo_configuration_is_valid_and_names_columns_of_the_table() -> None:
    config = load_config([ROOT / "conf" / "tables" / "patients_demo.yaml"])
    named = {*config.columns, *config.target.partition_by, config.evaluate.target}
    assert named <= set(COLUMNS)
    assert set(config.columns["RACE"].categories or ()) == set(RACES)
