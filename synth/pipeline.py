"""The stages in order: the same code behind `synth`, the spark-submit jobs and the scheduler.

Each stage reads the artifacts of the one before, charges what it is about to release, and writes its own
artifact whole or not at all. A stage whose artifact was made from the same input and settings is not
repeated: what was paid for is used again.
"""

from synth.run import STAGES, Run
from synth.stages.evaluate import evaluate
from synth.stages.generate import generate
from synth.stages.mask import mask
from synth.stages.prepare import prepare
from synth.stages.scan import scan
from synth.stages.train import train

_FUNCTIONS = {
    "scan": scan,
    "mask": mask,
    "prepare": prepare,
    "train": train,
    "generate": generate,
    "evaluate": evaluate,
}


def run_stages(run: Run, stages: tuple[str, ...]) -> None:
    """Run stages in order; the first that fails ends the run, and what came before is kept."""
    with run.workspace.locked():
        if "generate" in stages:
            from synth.lake.targets import check_target

            check_target(run.spark, run.target())
        for stage in stages:
            _FUNCTIONS[stage](run)
        if stages[-1] == STAGES[-1]:
            run.tracker.finish()
