"""YAML as mendloop reads it: the plain core of the language, with the line of every value.

Values are those of `yaml.safe_load` (YAML 1.1: `yes` is true, `5_000_000` is a number), with four exceptions that avoid
surprises: anchors, aliases, merge keys and explicit tags are refused; a key given twice is refused; keys are text and
numbers finite; and a date or a `1:30` stays text instead of becoming a date or the number 90.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import yaml
from pydantic import JsonValue
from yaml.constructor import SafeConstructor

from mendloop.errors import InputError

MAX_BYTES = 1_000_000
MAX_DEPTH = 20
MAX_NUMBER = 40

YamlPath: TypeAlias = tuple[str | int, ...]

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CORE = "tag:yaml.org,2002:"


class YamlError(InputError):
    """A text that is not YAML of the accepted kind; `where` is `name:line`."""


@dataclass(frozen=True)
class Document:
    """A YAML document as JSON values, and the 1-based line on which each path (keys and indexes) stands."""

    value: JsonValue
    lines: Mapping[YamlPath, int]


def read_text(path: Path, name: str | None = None) -> str:
    """Return the text of a UTF-8 file of at most 1 MB. Raises YamlError naming what is wrong with it."""
    name = name or str(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise YamlError("no such file", where=name) from None
    except IsADirectoryError:
        raise YamlError("this is a folder; a YAML file is expected", where=name) from None
    except (OSError, ValueError) as error:
        raise YamlError(f"cannot be read: {getattr(error, 'strerror', None) or error}", where=name) from error
    if len(data) > MAX_BYTES:
        raise YamlError("larger than 1 MB", where=name)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise YamlError("not UTF-8 text", where=f"{name}:{line}") from error


def parse_yaml(text: str, name: str) -> Document:
    """Return the one document in `text` (None when there is none). Raises YamlError at `name:line`."""
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise YamlError("not UTF-8 text", where=name)
    try:
        _refuse_extras(text, name)
        root = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        raise YamlError(f"not valid YAML: {_reason(error)}", where=f"{name}:{_line(error)}") from error
    except yaml.YAMLError as error:  # the reader's: a character that YAML does not allow
        raise YamlError("not valid YAML: a control character", where=f"{name}:{_control_line(text)}") from error
    lines: dict[YamlPath, int] = {}
    value = None if root is None else _value(root, (), lines, name)
    return Document(value, lines)


def parse_scalar(text: str, name: str) -> JsonValue:
    """Return a value from a command line: a flow list or mapping, a quoted text, or one plain scalar.

    A plain scalar is taken whole, so that `a: b # c` is a text and not a mapping. Raises YamlError.
    """
    text = text.strip()
    if text[:1] in ("[", "{", '"', "'"):
        try:
            return parse_yaml(text, name).value
        except YamlError as error:
            raise YamlError(error.what, where=name) from error
    loader: Any = yaml.SafeLoader("")
    return _scalar(yaml.ScalarNode(loader.resolve(yaml.ScalarNode, text, (True, False)), text), name)


def _refuse_extras(text: str, name: str) -> None:
    """Walk the events once, without recursion, before anything recursive sees the text."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        where = f"{name}:{_line_of(event)}"
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise YamlError(
                "anchors and aliases (`&name`, `*name`) are refused; write it out, or quote it", where=where
            )
        if tag := getattr(event, "tag", None):
            raise YamlError(f"the tag `{tag[:80]}` is not accepted", where=where)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise YamlError(f"nested deeper than {MAX_DEPTH} levels", where=where)


def _value(node: yaml.Node, path: YamlPath, lines: dict[YamlPath, int], name: str) -> JsonValue:
    line = _line_of(node)
    lines.setdefault(path, line)
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, lines, name)
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*path, number), lines, name) for number, item in enumerate(node.value)]
    return _scalar(node, f"{name}:{line}")


def _mapping(node: yaml.MappingNode, path: YamlPath, lines: dict[YamlPath, int], name: str) -> dict[str, JsonValue]:
    mapping: dict[str, JsonValue] = {}
    for key_node, value_node in node.value:
        line = _line_of(key_node)
        where = f"{name}:{line}"
        if not isinstance(key_node, yaml.ScalarNode) or key_node.tag != _CORE + "str":
            written = key_node.value if isinstance(key_node, yaml.ScalarNode) else "a list or mapping"
            raise YamlError(f"a key must be text, not `{written[:80]}`", where=where)
        key = key_node.value
        if key in mapping:
            first = lines[*path, key]
            raise YamlError(f"the key `{key[:80]}` is given twice (first on line {first})", where=where)
        lines[*path, key] = line
        mapping[key] = _value(value_node, (*path, key), lines, name)
    return mapping


def _scalar(node: yaml.Node, where: str) -> JsonValue:
    text: str = node.value
    kind = node.tag.removeprefix(_CORE)
    if kind == "null":
        return None
    if kind == "bool":
        return bool(SafeConstructor.bool_values[text.lower()])
    if kind not in ("int", "float") or ":" in text:
        return text
    if len(text) > MAX_NUMBER:
        raise YamlError(f"a number of more than {MAX_NUMBER} characters", where=where)
    constructor = SafeConstructor()
    try:
        number: int | float = getattr(constructor, f"construct_yaml_{kind}")(node)
    except ValueError:
        raise YamlError(f"`{text}` is not a number", where=where) from None
    if not math.isfinite(number):
        raise YamlError(f"`{text}` is not a finite number", where=where)
    return number


def _reason(error: yaml.MarkedYAMLError) -> str:
    return " ".join(str(error.problem or error.context or "syntax error").split())


def _line_of(node: yaml.Node | yaml.Event) -> int:
    return node.start_mark.line + 1 if node.start_mark else 1


def _line(error: yaml.MarkedYAMLError) -> int:
    mark = error.problem_mark or error.context_mark
    return mark.line + 1 if mark else 1


def _control_line(text: str) -> int:
    found = yaml.reader.Reader.NON_PRINTABLE.search(text)
    return text.count("\n", 0, found.start()) + 1 if found else 1
