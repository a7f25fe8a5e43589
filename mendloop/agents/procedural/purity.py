"""Purity by syntax: which statements may stand in a program that is deterministic and touches nothing outside."""

from __future__ import annotations

import ast
import builtins

PURE_MODULES = frozenset({
    "__future__", "_collections_abc", "abc", "ast", "base64", "binascii", "bisect", "calendar", "cmath", "codecs",
    "collections", "collections.abc", "colorsys", "contextlib", "copy", "dataclasses", "datetime", "decimal",
    "difflib", "enum", "errno", "fnmatch", "fractions", "functools", "genericpath", "graphlib", "hashlib", "heapq",
    "html", "html.entities", "ipaddress", "itertools", "json", "keyword", "math", "ntpath", "numbers", "opcode",
    "operator", "pprint", "posixpath", "quopri", "re", "reprlib", "shlex", "stat", "statistics", "string", "stringprep",
    "struct", "textwrap", "token", "types", "typing", "typing_extensions", "unicodedata", "urllib.parse", "zlib",
})  # fmt: skip
"""Modules of the standard library whose functions give the same answer everywhere and leave no trace."""

PARTLY_PURE: dict[str, frozenset[str]] = {
    "os": frozenset({"fspath", "path", "sep", "altsep", "curdir", "pardir", "extsep", "linesep", "PathLike"}),
    "os.path": frozenset({
        "basename", "commonpath", "commonprefix", "dirname", "isabs", "join", "normcase", "normpath", "sep", "split",
        "splitdrive", "splitext", "altsep", "curdir", "pardir", "extsep",
    }),
    "sys": frozenset({"maxsize", "maxunicode", "byteorder", "float_info", "hash_info", "int_info", "intern"}),
    "io": frozenset({"StringIO", "BytesIO"}),
    "ntpath": frozenset(), "posixpath": frozenset(), "genericpath": frozenset(),
}  # fmt: skip
"""Modules of which only these names are pure; an empty set stands for the pure names of `os.path`."""

DENIED_ATTRIBUTES = frozenset({
    "now", "today", "utcnow", "fromtimestamp", "exists", "isfile", "isdir", "islink", "getsize", "getmtime", "getcwd",
    "expanduser", "expandvars", "abspath", "realpath", "relpath", "lexists", "samefile", "ismount", "environ", "stdout",
    "stderr", "stdin", "modules", "_getframe", "path_importer_cache", "__dict__", "__subclasses__", "__globals__",
})  # fmt: skip
"""Attributes that read the clock, the file system or the interpreter, whatever they are taken from."""

DENIED_BUILTINS = frozenset({
    "__import__", "breakpoint", "compile", "copyright", "credits", "delattr", "dir", "eval", "exec", "exit", "globals",
    "hash", "help", "id", "input", "license", "locals", "memoryview", "open", "print", "quit", "setattr", "vars",
})  # fmt: skip

BUILTINS = (frozenset(dir(builtins)) - DENIED_BUILTINS) | {"__name__"}

MUTATORS = frozenset({
    "append", "extend", "insert", "remove", "pop", "clear", "sort", "reverse", "update", "setdefault", "popitem",
    "add", "discard", "appendleft", "popleft", "write",
})  # fmt: skip
"""Methods that change what they are called on."""

HARMLESS_DECORATORS = frozenset({"lru_cache", "cache", "wraps", "total_ordering", "dataclass", "property",
                                 "classmethod", "staticmethod", "unique", "overload"})  # fmt: skip


class NotUsable(ValueError):  # noqa: N818 - a finding about code that was read
    """A function cannot be used; the message is the reason as it is counted."""


def check_import(node: ast.Import | ast.ImportFrom) -> None:
    """Raise NotUsable unless everything imported is pure."""
    if isinstance(node, ast.ImportFrom):
        check_import_from(node.module or "", [alias.name for alias in node.names], node.level)
        return
    for alias in node.names:
        if alias.name not in PURE_MODULES and alias.name not in PARTLY_PURE:
            raise NotUsable(f"imports {alias.name.partition('.')[0]}")


def check_import_from(module: str, names: list[str], level: int = 0) -> None:
    """Raise NotUsable unless `from module import names` brings in only pure names."""
    allowed = _allowed(module)
    impure_names = any(name in DENIED_ATTRIBUTES or name in DENIED_BUILTINS for name in names)
    if level or "*" in names or impure_names or (module not in PURE_MODULES and allowed is None):
        raise NotUsable(f"imports {module.partition('.')[0] or 'its package'}")
    if allowed is not None and not set(names) <= allowed:
        raise NotUsable(f"imports {module.partition('.')[0]}")


def check_pure(unit: ast.stmt, modules: dict[str, str], own: frozenset[str]) -> None:
    """Raise NotUsable when a top-level statement does anything but compute.

    `modules` maps names of the file to the modules they stand for, `own` are the file's other top-level names.
    """
    for node in ast.walk(unit):
        _check_node(node, modules, own)
    for function in _functions(unit):
        _check_state(function, own)
    _check_attribute_writes(unit)


def _check_node(node: ast.AST, modules: dict[str, str], own: frozenset[str]) -> None:
    if isinstance(node, ast.Global | ast.Nonlocal):
        raise NotUsable("writes names outside itself")
    if isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith | ast.AsyncFunctionDef):
        raise NotUsable("asynchronous")
    if isinstance(node, ast.Import | ast.ImportFrom):
        check_import(node)
    elif isinstance(node, ast.Name) and node.id in DENIED_BUILTINS and node.id not in own:
        if isinstance(node.ctx, ast.Load):
            raise NotUsable(f"uses {node.id}")
    elif isinstance(node, ast.Attribute):
        _check_attribute(node, modules)


def _check_attribute(node: ast.Attribute, modules: dict[str, str]) -> None:
    if node.attr in DENIED_ATTRIBUTES:
        raise NotUsable(f"uses .{node.attr}")
    chain = ast.unparse(node.value) if isinstance(node.value, ast.Name | ast.Attribute) else ""
    top, _, rest = chain.partition(".")
    module = ".".join(part for part in (modules.get(top, ""), rest) if part) if top in modules else ""
    allowed = _allowed(module)
    if allowed is not None and node.attr not in allowed and not node.attr.startswith("_"):
        raise NotUsable(f"uses {module}.{node.attr}")


def _allowed(module: str) -> frozenset[str] | None:
    names = PARTLY_PURE.get(module)
    return PARTLY_PURE["os.path"] if names is not None and not names else names


def _functions(unit: ast.stmt) -> list[ast.FunctionDef]:
    return [node for node in ast.walk(unit) if isinstance(node, ast.FunctionDef)]


def _check_state(function: ast.FunctionDef, own: frozenset[str]) -> None:
    """Refuse functions that change a top-level object: their answer may depend on earlier calls."""
    local = bound_names(function)
    sent = {id(node.value) for node in ast.walk(function) if isinstance(node, ast.Expr)}
    for node in ast.walk(function):
        if isinstance(node, ast.Yield) and id(node) not in sent:
            raise NotUsable("generator that is sent values")
        target: ast.expr | None = None
        if isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
            target = node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in MUTATORS:
            target = node.func.value
        if isinstance(target, ast.Name) and target.id in own and target.id not in local:
            raise NotUsable("changes a top-level object")


def _check_attribute_writes(unit: ast.stmt) -> None:
    for node in ast.walk(unit):
        if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
            itself = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            if not (itself and isinstance(unit, ast.ClassDef)):
                raise NotUsable("writes attributes")


def bound_names(node: ast.AST) -> frozenset[str]:
    """Return every name that is bound anywhere inside a node (parameters, targets, nested definitions, imports)."""
    return frozenset(name for inner in ast.walk(node) if (name := _bound_by(inner, node)))


def _bound_by(inner: ast.AST, outermost: ast.AST) -> str | None:
    if isinstance(inner, ast.Name):
        return None if isinstance(inner.ctx, ast.Load) else inner.id
    if isinstance(inner, ast.arg):
        return inner.arg
    if isinstance(inner, ast.alias):
        return inner.asname or inner.name.partition(".")[0]
    if isinstance(inner, ast.FunctionDef | ast.ClassDef):
        return None if inner is outermost else inner.name
    return inner.name if isinstance(inner, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) else None
