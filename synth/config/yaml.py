"""YAML in which a plain word stays what was written: `NO`, `01234`, `12:30`, `1.0` and `2026-11-25` are text.

YAML's own rules turn such words into booleans, numbers and dates before anybody knows which setting they
stand for. Here every scalar is read as its text, and the type of the setting decides what it means.
"""

import re
import types
from collections.abc import Mapping
from typing import Annotated, Any, Union, get_args, get_origin

import yaml
from pydantic import BaseModel

_NULLS = ("", "~", "null", "Null", "NULL")


class Null(str):
    """A plain scalar that YAML takes for nothing, as it was written."""

    __slots__ = ()


class YamlError(ValueError):
    """What is wrong with a text as YAML: one line, without the values in it."""


def read_yaml(text: str) -> Any:
    """Mappings, lists and texts; keys are texts as well, and a plain null is a `Null`.

    Raises: YamlError with the line, for text that is no YAML and for a key that a mapping has twice.
    """
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" at line {mark.line + 1}" if mark else ""
        reason = error.problem if isinstance(error, _Twice) else None
        raise YamlError(
            f"{line.removeprefix(' at ')}: {reason}" if reason else f"is not valid YAML{line}"
        ) from error
    except RecursionError as error:
        raise YamlError("is not valid YAML: it is nested too deeply, or holds itself") from error


def as_settings(value: Any, wanted: Any, is_setting: bool = True) -> Any:
    """The value with each `Null` as None, or as the text it is where a list or mapping wants text.

    Args:
      wanted: the type of the setting: a pydantic model, or what one annotates a field with.
      is_setting: whether it is a setting of its own, which null leaves unset.
    """
    options = [*_options(wanted)]
    match value:
        case Null():
            is_text = str in options and type(None) not in options and not is_setting and value
            return str(value) if is_text else None
        case Mapping():
            found = {name: _below(options, name) for name in value}
            return {name: as_settings(value[name], *found[name]) for name in value}
        case list():
            return [as_settings(item, _item(options, k), False) for k, item in enumerate(value)]
        case _:
            return value


def _options(wanted: Any) -> list[Any]:
    """The alternatives of a union, itself included if it is none."""
    origin = get_origin(wanted)
    if origin is Annotated:
        return _options(get_args(wanted)[0])
    if origin in (Union, types.UnionType):
        return [option for part in get_args(wanted) for option in _options(part)]
    return [wanted]


def _below(options: list[Any], name: str) -> tuple[Any, bool]:
    """What is wanted below a key, and whether the key is a setting's name."""
    for option in options:
        if isinstance(option, type) and issubclass(option, BaseModel):
            field = option.model_fields.get(name)
            return (Any if field is None else field.annotation), True
        if get_origin(option) is dict:
            return get_args(option)[1], False
    return Any, True


def _item(options: list[Any], index: int) -> Any:
    for option in options:
        if get_origin(option) in (tuple, list):
            parts = [part for part in get_args(option) if part is not Ellipsis]
            return parts[min(index, len(parts) - 1)]
    return Any


class _Twice(yaml.constructor.ConstructorError):
    """A key that a mapping has twice."""


class _Loader(yaml.SafeLoader):
    """Resolves no plain scalar but null and the merge key."""


_Loader.yaml_implicit_resolvers = {}
_Loader.add_implicit_resolver("tag:yaml.org,2002:merge", re.compile(r"^<<$"), ["<"])


def _scalar(loader: _Loader, node: yaml.ScalarNode) -> str:
    return Null(node.value) if node.style is None and node.value in _NULLS else str(node.value)


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[str, Any]:
    seen: set[str] = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise yaml.constructor.ConstructorError(None, None, "a key must be a word", key.start_mark)
        if key.tag != "tag:yaml.org,2002:merge" and key.value in seen:
            raise _Twice(None, None, f"key {key.value!r} is there twice; keep one", key.start_mark)
        seen.add(key.value)
    loader.flatten_mapping(node)
    return {str(key.value): loader.construct_object(value, deep=True) for key, value in node.value}


_Loader.add_constructor("tag:yaml.org,2002:str", _scalar)
_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
