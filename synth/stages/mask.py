"""The mask stage, wired."""

from pathlib import Path

from synth.config.sections import Target
from synth.errors import ConfigError
from synth.run import Run


def mask(run: Run) -> None:
    """Write a masked copy of the source; it is pseudonymous, not differentially private."""
    from synth.lake.readable import readable_errors
    from synth.lake.targets import write_table
    from synth.mask.operators import plan_masks
    from synth.mask.spark import masked

    config = run.config
    findings = run.findings()
    operators = plan_masks(findings, config.columns, config.mask.templates)
    with run.stage("mask", None, None) as stage:
        assert stage is not None
        with readable_errors(config.source):
            frame = run.source
            target = Target(path=config.mask.path or f"file://{run.workspace.masked}")
            rows = frame.count()
            write_table(masked(frame, operators, _mask_key(run)), target, expected_rows=rows)
        stage.parameters({f"mask.{name}": operator.value for name, operator in operators.items()})
        touched = sum(operator.value != "keep" for operator in operators.values())
        if config.mask.path is None:
            run.workspace.masked.chmod(0o700)
        run.say(f"mask: {touched} of {len(operators)} columns masked, written to {target.place}")


def _mask_key(run: Run) -> bytes:
    path = run.config.mask.key_file
    if path is None:
        return run.workspace.secret("mask")
    try:
        key = Path(path).expanduser().read_bytes().strip()
    except OSError as error:
        raise ConfigError(f"mask.key_file {path} cannot be read: {error.strerror}") from error
    if len(key) < 16:
        raise ConfigError(f"mask.key_file {path} holds {len(key)} bytes; a key needs at least 16")
    return key
