"""The verdict on a run's synthetic table, from what its stages released."""

import numpy as np

from synth.core.finding import Findings
from synth.core.prepared import PreparedManifest
from synth.core.usability import Usability, judge_usability, learned_column
from synth.generate.rows import Sampler
from synth.models.artifact import model_description
from synth.run import Run

_ROWS = 1 << 15
_SEED = 20_240_229


def table_usability(run: Run, manifest: PreparedManifest, sampler: Sampler) -> Usability:
    """Whether the table that this model draws is usable; costs nothing, for all it looks at was released.

    Args:
      sampler: of the run's model, as it was learned.
    """
    drawn = sampler.sample(np.random.default_rng(_SEED).random((_ROWS, sampler.n_uniforms)))
    learned = [
        learned_column(codebook, drawn[:, place], codebook.noise_scale)
        for place, codebook in enumerate(manifest.codebooks)
    ]
    return judge_usability(
        learned,
        _unnamed(run.findings(), manifest),
        target=run.config.evaluate.target,
        fit=model_description(run.workspace.model).get("fit"),
    )


def _unnamed(findings: Findings, manifest: PreparedManifest) -> list[str]:
    """Columns that the scan took for learnable and prepare could not name."""
    faked = {column.name for column in manifest.schema.columns if column.kind.is_made_up}
    entity = manifest.schema.unit.entity
    return [
        finding.column
        for finding in findings.columns
        if finding.column in faked and not finding.kind.is_made_up and finding.column != entity
    ]
