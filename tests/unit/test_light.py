"""What needs no Spark, torch, Horovod or MLflow must import without them."""

import importlib
import pkgutil
import subprocess
import sys

import synth

HEAVY = ("pyspark", "torch", "opacus", "horovod", "mlflow", "jax", "mbi")
LIGHT = ("stages", "core", "privacy", "config", "scan", "mask", "prepare", "generate", "lake")
NEEDS_SPARK = tuple(
    f"synth.lake.{name}"
    for name in ("apart", "batches", "csv_files", "readable", "session", "tables", "targets")
)


def light_modules() -> list[str]:
    names = [
        "synth.errors",
        "synth.spending",
        "synth.run",
        "synth.pipeline",
        "synth.cli",
        "synth.models.sampler",
    ]
    for folder in LIGHT:
        package = importlib.import_module(f"synth.{folder}")
        names += [package.__name__]
        names += [module.name for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}.")]
    return [name for name in names if not name.endswith(".spark") and name not in NEEDS_SPARK]


def test_light_modules_import_nothing_heavy() -> None:
    program = (
        "import importlib, sys\n"
        f"for name in {light_modules()!r}:\n"
        "    importlib.import_module(name)\n"
        f"    heavy = sorted(set(sys.modules) & set({HEAVY!r}))\n"
        "    if heavy:\n"
        "        sys.exit(f'{name} imports {heavy}')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_list_of_light_modules_is_not_empty() -> None:
    assert {"synth.scan.judge", "synth.prepare.fit", "synth.privacy.ledger"} <= set(light_modules())
    assert synth.__version__
