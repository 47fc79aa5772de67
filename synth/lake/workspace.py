"""The run's folder: the only place that spells where artifacts lie."""

import contextlib
import hashlib
import os
import secrets
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from synth.errors import ArtifactError, ConfigError
from synth.lake.lock import sole_holder

_SECRET_BYTES = 32


@dataclass(frozen=True)
class Workspace:
    """Paths below WORKDIR; `private/` holds what must never leave the trusted side."""

    root: Path

    @staticmethod
    def open(root: str | Path) -> "Workspace":
        """The workspace at `root`, made if missing."""
        path = Path(root).expanduser().absolute()
        try:
            path.mkdir(parents=True, exist_ok=True)
            private = path / "private"
            private.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"workdir {path} cannot be written: {error.strerror}") from error
        return Workspace(path)

    def locked(self) -> AbstractContextManager[None]:
        """Hold the workspace for this process.

        Raises: ConfigError if another run works in it.
        """
        refusal = ConfigError(
            f"another run works in {self.root}; wait until it ends, or use another --workdir"
        )
        return sole_holder(self.root / "private" / "lock", refusal)

    @property
    def own(self) -> tuple[Path, ...]:
        """What only the stages themselves write: no table may be written over it."""
        folders = (self.findings, self.prepared, self.measured, self.model, self.generated, self.report)
        return (*folders, self.audit, self.root / "private", self.mlflow_artifacts)

    @property
    def findings(self) -> Path:
        """Folder of `findings.json`."""
        return self.root / "scan"

    @property
    def masked(self) -> Path:
        """Folder of the masked table, unless mask.path names another."""
        return self.root / "masked"

    @property
    def prepared(self) -> Path:
        """Folder of the coded Parquet (`codes/`) and `prepared.json`."""
        return self.root / "prepared"

    @property
    def measured(self) -> Path:
        """Folder of the noisy answers that marginals were fitted to."""
        return self.root / "measured"

    @property
    def model(self) -> Path:
        """Folder of the model artifact."""
        return self.root / "model"

    @property
    def synthetic(self) -> Path:
        """Folder of the synthetic table, unless target names another place."""
        return self.root / "synthetic"

    @property
    def generated(self) -> Path:
        """Folder of what generation says about itself, wherever its table went."""
        return self.root / "generated"

    @property
    def report(self) -> Path:
        """Folder of `report.html` and `report.json`."""
        return self.root / "report"

    @property
    def training(self) -> Path:
        """Private folder of checkpoints, logs and progress of training."""
        return self.root / "private" / "training"

    @property
    def spark_scratch(self) -> Path:
        """Private folder of the rows that Spark shuffles and spills, unless spark.local.dir is set."""
        return self.root / "private" / "spark"

    @property
    def auditing(self) -> Path:
        """Private folder of an audit's logs."""
        return self.root / "private" / "audit"

    @property
    def audit(self) -> Path:
        """Folder of `audit.json` and its picture."""
        return self.root / "audit"

    @property
    def budget_picture(self) -> Path:
        """Picture of the table's budget going down."""
        return self.root / "budget.png"

    @property
    def run_file(self) -> Path:
        """Which tracked run the stages of this workspace belong to."""
        return self.root / "run.json"

    @property
    def mlflow_uri(self) -> str:
        """The default tracking store."""
        return f"sqlite:///{self.root / 'mlflow.db'}"

    @property
    def mlflow_artifacts(self) -> Path:
        """Where the default tracking store keeps its artifacts."""
        return self.root / "mlartifacts"

    @property
    def run_id(self) -> str:
        """The name of this workspace's run in the ledger, drawn once."""
        return hashlib.sha256(b"run" + self.secret("run")).hexdigest()[:16]

    def secret(self, name: str) -> bytes:
        """32 secret bytes of that name, drawn from OS entropy once per workspace and kept readable
        by the owner only."""
        path = self.root / "private" / f"{name}.key"
        if not path.exists():
            drawn = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
            descriptor = os.open(drawn, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                with os.fdopen(descriptor, "w", encoding="ascii") as file:
                    file.write(secrets.token_hex(_SECRET_BYTES))
                    file.flush()
                    os.fsync(file.fileno())
                with contextlib.suppress(FileExistsError):
                    # A link never replaces: of two processes that draw at once, both read one's key.
                    os.link(drawn, path)
            finally:
                drawn.unlink(missing_ok=True)
        try:
            key = bytes.fromhex(path.read_text(encoding="ascii"))
        except ValueError:
            key = b""
        if len(key) != _SECRET_BYTES:
            raise ArtifactError(
                f"{path} is empty or damaged, and what was made with it cannot be told apart from another's; "
                "restore it, or use another --workdir"
            )
        return key
