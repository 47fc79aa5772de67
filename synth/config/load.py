"""From YAML files and `--set` overrides to a checked configuration, or one error naming every fault."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from synth.config.sections import Config
from synth.errors import ConfigError


def load_config(paths: Sequence[Path], overrides: Sequence[str] = ()) -> Config:
    """Defaults, then the files in order, then `key.key=value` overrides.

    Raises: ConfigError with one line per fault: an unreadable file, an unknown key, a wrong value.
    """
    merged = read_defaults()
    for path in paths:
        merged = _merge(merged, _read(path))
    for override in overrides:
        merged = _merge(merged, _parse_override(override))
    try:
        return Config.model_validate(merged)
    except ValidationError as error:
        where = ", ".join(str(path) for path in paths)
        raise ConfigError(f"{where}: " + "; ".join(_faults(error))) from error


def read_defaults() -> dict[str, Any]:
    """The sections of `conf/base.yaml`."""
    text = resources.files("synth.config").joinpath("base.yaml").read_text(encoding="utf-8")
    defaults: dict[str, Any] = yaml.safe_load(text)
    return defaults


def config_hash(*sections: BaseModel | str | float | None) -> str:
    """SHA-256 of the sections, stable across processes: equal settings, equal hash."""
    plain = [s.model_dump(mode="json") if isinstance(s, BaseModel) else s for s in sections]
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise ConfigError(f"config file {path} cannot be read: {reason}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" at line {mark.line + 1}" if mark else ""
        raise ConfigError(f"config file {path} is not valid YAML{line}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"config file {path} must hold sections such as `name:` and `source:`")
    return content


def _parse_override(override: str) -> dict[str, Any]:
    key, separator, text = override.partition("=")
    if not separator or not key:
        raise ConfigError(f"--set {override!r} must look like section.key=value")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"--set {override!r}: the value is not valid YAML") from error
    for part in reversed(key.split(".")):
        value = {part: value}
    result: dict[str, Any] = value
    return result


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` wins; mappings are merged key by key, everything else is replaced."""
    merged = dict(below)
    for key, value in above.items():
        if isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = _merge(merged[key], value)
        elif value is None and isinstance(merged.get(key), Mapping):
            continue  # an empty section in a file: `columns:` with nothing below it
        else:
            merged[key] = value
    return merged


def _faults(error: ValidationError) -> list[str]:
    lines = []
    for fault in error.errors():
        # The union in privacy.unit puts the tried type's name into the path; it is no key of the file.
        keys = [str(k) for k in fault["loc"] if k not in ("EntityUnit", "literal['row']")]
        message = fault["msg"].removeprefix("Value error, ")
        if fault["type"] == "extra_forbidden":
            message = "unknown key; see conf/base.yaml for all keys"
        lines.append(f"{'.'.join(keys) or 'config'}: {message}")
    return list(dict.fromkeys(lines))
