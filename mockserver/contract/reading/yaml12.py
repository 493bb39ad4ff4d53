"""YAML as OpenAPI means it (1.2): `on`, `2024-01-01` and `16:9` are text, and every key is text."""

import re
from itertools import count
from typing import Any

import yaml

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The C loader where PyYAML has it: ten times as fast, and start-up waits for it."""
_MOST_VALUES = 1_000_000
_MERGE = "tag:yaml.org,2002:merge"
_PLAIN = {
    "tag:yaml.org,2002:bool": r"true|True|TRUE|false|False|FALSE",
    "tag:yaml.org,2002:int": r"[-+]?(0|[1-9][0-9]*)|0x[0-9a-fA-F]+",
    "tag:yaml.org,2002:float": r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?",
    "tag:yaml.org,2002:null": r"~|null|Null|NULL|",
    _MERGE: r"<<",
}
"""What an unquoted scalar is read as, first match first (YAML 1.2, Core Schema, finite); any other is text."""


class _Loader(_LOADER):  # type: ignore[misc]
    """The safe loader with the plain scalars of YAML 1.2, where no key stands twice in a mapping (3.2.1.1)."""

    def flatten_mapping(self, node: Any) -> None:
        """Called before anything is merged into a mapping, and again where it is merged into another."""
        if "is_flat" not in vars(node):
            node.is_flat = True
            _refuse_twice(node)
        super().flatten_mapping(node)


def _refuse_twice(node: yaml.MappingNode) -> None:
    said = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE:
            if key.value in said:
                problem = f"the key {key.value!r} stands here twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            said.add(key.value)


_RESOLVERS = [(tag, re.compile(f"(?:{one})$")) for tag, one in _PLAIN.items()]
_Loader.yaml_implicit_resolvers = {None: _RESOLVERS}
_ODD_BREAKS = re.compile("[\r\x85\u2028\u2029\ufeff]")
"""What ends a line for some readers, and is none to write a text on."""


class _Dumper(yaml.SafeDumper):
    """Puts in quotes what this reader or one of YAML 1.1 would take for anything but the text that it is."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    style = '"' if _ODD_BREAKS.search(value) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.yaml_implicit_resolvers = {**yaml.SafeDumper.yaml_implicit_resolvers, None: _RESOLVERS}
_Dumper.add_representer(str, _text)


def read(source: bytes) -> Any:
    """The value of a YAML text. Raises ValueError or RecursionError where it has none."""
    try:
        return _with_text_keys(yaml.load(source, _Loader), count())  # noqa: S506 - it is a safe loader
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def write(value: Any) -> str:
    """A text of YAML that says this value of JSON, as a person would write it."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def _with_text_keys(value: Any, told: "count[int]") -> Any:
    """The value with text for keys; aliases of aliases can say more in a line than any memory holds."""
    if next(told) > _MOST_VALUES:
        raise ValueError(f"its aliases stand for more than {_MOST_VALUES:,} values")
    if isinstance(value, dict):
        return {_key(name): _with_text_keys(one, told) for name, one in value.items()}
    return [_with_text_keys(one, told) for one in value] if isinstance(value, list) else value


def _key(name: Any) -> str:
    if isinstance(name, str):
        return name
    return "null" if name is None else str(name).lower() if isinstance(name, bool) else str(name)
