"""Which files of a finished run may leave the trusted side, and who may read the others."""

from fnmatch import fnmatchcase

LEAVES: dict[str, str] = {
    "scan/findings.json": "kinds of columns, from noisy counts",
    "prepared/prepared.json": "schema and codebooks with noisy counts",
    "model/model.json": "the model's description",
    "model/tables.npz": "conditional tables",
    "model/mixture.npz": "parts of a mixture",
    "model/weights.npz": "weights of a decoder",
    "model/ties.svg": "a picture of the model's dependencies",
    "generated/generated.json": "what generation says of its table",
    "synthetic/*": "the synthetic table, where no target names another place",
}
"""Pattern -> what it is. Everything in these files was paid for, or is public, or is made of both."""

STAYS: dict[str, str] = {
    "*/manifest.json": "owner: digests of files, of exact ones too",
    "prepared/codes/*": "owner: the coded rows, exact",
    "measured/*": "owner: noisy answers; released, and of no use without the run",
    "masked/*": "owner: rows stay rows",
    "report/*": "owner, and whom the owner shows it to: exact comparisons with real rows",
    "audit/*": "owner: canaries, no row; may be shown",
    "private/*": "owner alone: keys, checkpoints, logs",
    "run.json": "owner: the tracked run",
    "budget.png": "owner: times of charges",
    "mlflow.db*": "owner: times and rates of steps",
    "mlartifacts/*": "owner: what MLflow was sent, manifests among it",
    "spool*": "owner: calls to MLflow that wait",
    "metastore_db/*": "owner: Spark's catalog",
    "spark-warehouse/*": "owner: Spark's tables",
    "derby.log": "owner: Spark's catalog",
}
"""Pattern -> who may read it, and what it is."""


def may_leave(path: str) -> bool:
    """Whether a file below the workdir, by its path from there, is on the export list."""
    return any(fnmatchcase(path, pattern) for pattern in LEAVES) and not any(
        fnmatchcase(path, pattern) for pattern in STAYS
    )


def is_known(path: str) -> bool:
    """Whether it is on one of the two lists: a file that is on none is a fault."""
    return any(fnmatchcase(path, pattern) for pattern in (*LEAVES, *STAYS))
