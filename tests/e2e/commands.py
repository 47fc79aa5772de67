"""Runs many `synth` command lines in one process, so that they share one start of Spark.

Reads JSON from standard input: a list of argument lists. Writes to the file named by the first argument,
as JSON: for each, its exit code and what Python wrote to its streams. What the JVM writes goes to this
process's own standard error.
"""

import contextlib
import io
import json
import sys
import traceback
from pathlib import Path

from synth.cli import main


def run(arguments: list[str]) -> dict[str, object]:
    """Exit code and streams of one command line; an escaped exception is a traceback and code 1."""
    stdout, stderr, code = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        try:
            main(arguments)
        except SystemExit as end:
            code = int(end.code or 0)
        except BaseException:
            traceback.print_exc()
            code = 1
    return {"code": code, "stdout": stdout.getvalue(), "stderr": stderr.getvalue()}


if __name__ == "__main__":
    outcomes = [run(arguments) for arguments in json.load(sys.stdin)]
    Path(sys.argv[1]).write_text(json.dumps(outcomes), encoding="utf-8")
