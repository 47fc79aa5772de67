"""The errors a user can cause; each ends in one readable line and exit code 2."""


class SynthError(Exception):
    """What was asked cannot be done; the message says what was asked, what is true, what to change."""


class ConfigError(SynthError):
    """The configuration is wrong; all of its faults are named at once."""


class SourceError(SynthError):
    """The source table cannot be read as asked."""


class ArtifactError(SynthError):
    """A stage's artifact is missing, damaged, or was made from something else."""


class BudgetExceeded(SynthError):  # noqa: N818 - the name is the sentence
    """A charge would take the table above its privacy budget; nothing was drawn."""


class TrainingError(SynthError):
    """The training workers did not finish; what they charged stays charged."""


class FitFailed(SynthError):  # noqa: N818 - the name is the sentence
    """A model does not fit what was measured; the noisy answers are kept, and fitting again costs nothing."""
