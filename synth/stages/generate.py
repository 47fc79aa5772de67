"""The generate stage, wired."""

import json

from synth.errors import ConfigError
from synth.lake.artifacts import artifact_digest, write_artifact, write_json
from synth.run import Run
from synth.stages.prepare import check_unique
from synth.stages.usability import table_usability


def generate(run: Run) -> None:
    """Write the synthetic table; costs nothing, for the model was paid for."""
    from synth.generate.spark import generated
    from synth.generate.starting import starting_of
    from synth.lake.tables import partition_columns, read_table
    from synth.lake.targets import write_table
    from synth.models.sampler import load_sampler

    config = run.config
    manifest = run.manifest()
    run.check_model()
    run.check_targets(read_table(run.spark, config.source))
    target = run.target()
    if target.partition_by is None:
        columns = {column.name for column in manifest.schema.columns}
        source = read_table(run.spark, config.source)
        partitions = tuple(n for n in partition_columns(source, config.source) if n in columns)
        target = target.model_copy(update={"partition_by": partitions})
    starting = starting_of(config.generate, manifest)
    sampler = load_sampler(run.workspace.model)
    try:
        sampler.starting(starting.first, starting.temperature)
    except ValueError as error:
        raise ConfigError(f"generate: {error}") from error
    with run.stage("generate", None, None) as stage:
        assert stage is not None
        rows = config.generate.rows or manifest.n_rows
        check_unique(manifest.schema, rows)
        frame = generated(
            run.spark,
            manifest,
            run.workspace.model,
            load_sampler,
            rows=rows,
            seed=config.generate.seed,
            partitions=config.generate.partitions,
            starting=starting,
        )
        usability = table_usability(run, manifest, sampler)
        run.say(f"generate: {rows} rows into {target.place}; judged by released figures: {usability}")
        properties = {
            "lakesynth.privacy": run.spent().in_words(str(config.privacy.privacy_unit)),
            "lakesynth.source": config.name,
            "lakesynth.model": artifact_digest(run.workspace.model),
            "lakesynth.seed": str(config.generate.seed),
            "lakesynth.usability": str(usability),
        }
        if not starting.is_plain:
            properties["lakesynth.starting"] = json.dumps(starting.to_dict())
        write_table(frame, target, expected_rows=rows, properties=properties)
        with write_artifact(run.workspace.generated, None) as folder:
            told = {"usability": usability.to_dict()}
            write_json(
                folder / "generated.json",
                {"target": target.model_dump(), "rows": rows, **told, **properties},
            )
        stage.metrics({"rows": rows, "is_usable": float(usability.is_usable)})
        stage.parameters({"usability": str(usability)[:500]})
        stage.artifact(run.workspace.generated / "generated.json")
