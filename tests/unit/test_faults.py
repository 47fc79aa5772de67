"""What the machine failed at is one line; other faults are not taken for it."""

import errno
import os

import pytest

from synth import cli
from synth.faults import machine_fault


class Py4JNetworkError(Exception):
    """As py4j names it."""


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EROFS])
def test_a_fault_of_the_machine_is_one_line_and_exit_code_1(
    number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), "/lake/x")

    monkeypatch.setattr(cli, "load_config", fail)
    with pytest.raises(SystemExit) as end:
        cli.main(["plan", "--config", "x.yaml"])
    told = capsys.readouterr().err
    assert end.value.code == 1
    assert told.startswith("synth: ")
    assert told.count("\n") == 1
    assert "/lake/x" in told


def test_what_an_error_came_of_counts() -> None:
    outer = RuntimeError("a stage failed")
    outer.__cause__ = Py4JNetworkError("Answer from Java side is empty")
    assert "Java process is gone" in (machine_fault(outer) or "")
    assert machine_fault(ValueError("No space left on device")) is None
    assert machine_fault(FileNotFoundError(errno.ENOENT, "no such file", "x.json")) is None
