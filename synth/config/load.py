"""From YAML files and `--set` overrides to a checked configuration, or one error naming every fault."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from synth.config.sections import ColumnSettings, Config
from synth.config.yaml import Null, YamlError, as_settings, read_yaml
from synth.core.schema import Kind
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
        return _with_partitions(Config.model_validate(as_settings(merged, Config)))
    except ValidationError as error:
        where = ", ".join(str(path) for path in paths)
        raise ConfigError(f"{where}: " + "; ".join(_faults(error))) from error


def _with_partitions(config: Config) -> Config:
    """A partition that was asked for by name is public: its column has exactly the named values."""
    asked = config.privacy.partitions
    if asked is None:
        return config
    declared = config.columns.get(asked.column, ColumnSettings())
    if declared.drop:
        return config
    kind = Kind.ORDERED if declared.kind is Kind.ORDERED else Kind.CATEGORICAL
    given = declared.model_copy(update={"kind": kind, "categories": tuple(dict.fromkeys(asked.values))})
    return config.model_copy(update={"columns": {**config.columns, asked.column: given}})


def read_defaults() -> dict[str, Any]:
    """The sections of `conf/base.yaml`."""
    text = resources.files("synth.config").joinpath("base.yaml").read_text(encoding="utf-8")
    defaults: dict[str, Any] = as_settings(read_yaml(text), Config)
    return defaults


def config_hash(*sections: BaseModel | str | float | None) -> str:
    """SHA-256 of the sections, stable across processes: equal settings, equal hash."""
    plain = [s.model_dump(mode="json") if isinstance(s, BaseModel) else s for s in sections]
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def _read(path: Path) -> dict[str, Any]:
    try:
        content = read_yaml(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise ConfigError(f"config file {path} cannot be read: {reason}") from error
    except YamlError as error:
        raise ConfigError(f"config file {path} {error}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"config file {path} must hold sections such as `name:` and `source:`")
    return content


_PART = r'(?:"[^"]+"|[^".=][^.=]*)'
_OVERRIDE = re.compile(rf"({_PART}(?:\.{_PART})*)=(.*)", re.DOTALL)
"""Names joined by points, each in double quotes if it holds a point or an equals sign itself; a value."""


def _parse_override(override: str) -> dict[str, Any]:
    found = _OVERRIDE.fullmatch(override)
    if found is None:
        raise ConfigError(
            f"--set {override!r} must look like section.key=value, a name with points in double quotes"
        )
    try:
        value = read_yaml(found[2])
    except YamlError as error:
        raise ConfigError(f"--set {found[1]}: the value {error}") from error
    for part in reversed(re.findall(_PART, found[1])):
        value = {part.strip('"'): value}
    result: dict[str, Any] = value
    return result


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` wins; mappings are merged key by key, everything else is replaced."""
    merged = dict(below)
    for key, value in above.items():
        if isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = _merge(merged[key], value)
        elif (value is None or isinstance(value, Null)) and isinstance(merged.get(key), Mapping):
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
