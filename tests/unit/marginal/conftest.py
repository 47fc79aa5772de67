"""The small table's problem, counted once."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from small import problem_of, table

from synth.marginal.problem import Problem


@pytest.fixture(scope="session")
def problem() -> Problem:
    return problem_of(table())
