"""The export, wired: exactly what may leave, with one signed statement of all that it assumes."""

import hashlib
import shutil
from pathlib import Path
from typing import Any

from synth.core.leaving import may_leave
from synth.core.prepared import PreparedManifest
from synth.core.schema import Column
from synth.errors import ArtifactError, ConfigError
from synth.lake.artifacts import check_artifact, read_json, write_json
from synth.privacy.budget import event_to_dict
from synth.run import Run

STATEMENT, SIGNATURE, PUBLIC_KEY = "statement.json", "statement.sig", "statement.pub"
_VERSION = 1
_UNTOLD = ("lakesynth.model", "prepared")
"""Fields that are digests over exact files."""


def export(run: Run, folder: Path) -> dict[str, Any]:
    """Copy what may leave into a new folder; charges nothing, for all of it was paid for.

    Returns: the statement, which is written as `statement.json` and signed.
    Raises: ConfigError if the folder exists; ArtifactError unless the run came to its model.
    """
    root = run.workspace.root
    if folder.exists():
        raise ConfigError(f"{folder} exists; name a folder that does not")
    manifest = run.manifest()
    run.findings()
    run.check_model()
    for made in (run.workspace.prepared, run.workspace.generated):
        check_artifact(made)
    visible = (path for path in root.rglob("*") if path.is_file() and not _is_hidden(path, root))
    names = sorted(str(path.relative_to(root)) for path in visible)
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        for name in filter(may_leave, names):
            _copy(root / name, partial / name)
        files = {name: _sha256(partial / name) for name in filter(may_leave, names)}
        statement = _statement(run, manifest, files)
        write_json(partial / STATEMENT, statement)
        _sign(run.workspace.secret("export"), partial)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    run.say(f"export: {len(files)} files in {folder}: {statement['statement']}")
    run.say(f"export: signed (Ed25519) by {_key_in_words(folder)}")
    return statement


def check_export(folder: Path) -> dict[str, Any]:
    """The statement of an export, if its signature and all its files are whole.

    That the key is the owner's is for the reader to find out: it is printed by `synth export`.
    Raises: ArtifactError otherwise.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key((folder / PUBLIC_KEY).read_bytes())
        if not isinstance(key, Ed25519PublicKey):
            raise ValueError("the key is of another kind")
        key.verify((folder / SIGNATURE).read_bytes(), (folder / STATEMENT).read_bytes())
    except (OSError, ValueError, InvalidSignature) as error:
        raise ArtifactError(f"{folder} is not signed by the key beside it; export again") from error
    statement: dict[str, Any] = read_json(folder / STATEMENT)
    found = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    if found - {STATEMENT, SIGNATURE, PUBLIC_KEY} != set(statement["files"]):
        raise ArtifactError(f"{folder} holds other files than its statement names; export again")
    for name, digest in statement["files"].items():
        if _sha256(folder / name) != digest:
            raise ArtifactError(f"{folder / name} was changed after the export; export again")
    return statement


def _statement(run: Run, manifest: PreparedManifest, files: dict[str, str]) -> dict[str, Any]:
    """All that the guarantee assumes, in plain values."""
    privacy, now = run.config.privacy, run.spent()
    entries = run.ledger.entries(run.config.name)
    partitions = privacy.partitions
    head = getattr(run.ledger, "head", None)  # a book whose lines are not chained has none
    return {
        "version": _VERSION,
        "table": run.config.name,
        "statement": now.in_words(str(privacy.privacy_unit)),
        "epsilon": now.epsilon if now.unprotected == 0 else None,
        "delta": now.delta,
        "unit": str(privacy.privacy_unit),
        "neighbours": "tables that differ by all rows of one unit, which is there or not",
        "exact_columns": [c.name for c in manifest.schema.columns if c.public],
        "declared": {c.name: told for c in manifest.schema.columns if (told := _declared(c))},
        "partitions": None
        if partitions is None
        else {
            "column": partitions.column,
            "values": list(partitions.values),
            "assumes": "all rows of a unit have one value of the column (declared)",
        },
        "accounting": "privacy loss distributions composed as if all parameters were fixed beforehand; "
        "scales that follow from earlier answers are a known gap (docs/privacy.md)",
        "ledger": {
            "head": head(run.config.name) if head is not None else None,
            "entries": [
                {"id": e.id, "stage": e.stage, "unit": e.unit, "events": [event_to_dict(x) for x in e.events]}
                for e in entries
            ],
        },
        "public": "the configuration, names and types of columns, partition folders, and whether and when "
        "the source changed",
        "files": files,
    }


def _declared(column: Column) -> list[str]:
    """What of a column the configuration says rather than the data."""
    told = {"categories": column.categories, "edges": column.edges, "bounds": column.lower, "": column.upper}
    return sorted({name or "bounds" for name, value in told.items() if value is not None})


def _copy(source: Path, target: Path) -> None:
    """A file as it may leave: JSON without digests of exact files."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.suffix != ".json":
        shutil.copyfile(source, target)
        return
    content = read_json(source)
    for holder in (content, content.get("training") if isinstance(content, dict) else None):
        if isinstance(holder, dict):
            holder.update({name: "" for name in _UNTOLD if isinstance(holder.get(name), str)})
    write_json(target, content)


def _sign(seed: bytes, folder: Path) -> None:
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    except ImportError as error:
        raise ConfigError("export signs with cryptography; install lakesynth[train]") from error
    key = Ed25519PrivateKey.from_private_bytes(seed)
    (folder / SIGNATURE).write_bytes(key.sign((folder / STATEMENT).read_bytes()))
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (folder / PUBLIC_KEY).write_bytes(pem)


def _is_hidden(path: Path, root: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(root).parts)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _key_in_words(folder: Path) -> str:
    """The public key of an export as one line."""
    return (folder / PUBLIC_KEY).read_text(encoding="ascii").splitlines()[1]
