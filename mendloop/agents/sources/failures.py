"""Programs of the user's own model that went wrong: what was asked, what was written, and tests that say so."""

from __future__ import annotations

import ast
import re
import textwrap
from dataclasses import dataclass
from inspect import cleandoc
from pathlib import Path

from mendloop.agents.asserts.expressions import statements
from mendloop.agents.procedural.files import Skipped
from mendloop.agents.sources.given_cases import given_cases
from mendloop.agents.sources.jsonl import (
    JsonRow,
    RowError,
    Unusable,
    nothing_usable,
    read_rows,
    skipped_lines,
)
from mendloop.frozen import Frozen
from mendloop.records import Case
from mendloop.screening.licences import OWN, normalised
from mendloop.screening.screen import BY_DEFAULT, Piece, RefusedError, Screen, texts_of
from mendloop.screening.screened import Screened
from mendloop.specs import ScreeningSpec

_FENCED = re.compile(r"^[ \t]*```[^\n]*\n(.*?)(?:^[ \t]*```|\Z)", re.MULTILINE | re.DOTALL)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_DEFINED = re.compile(r"^def[ \t]+(\w+)", re.MULTILINE)
_WANTED = 'write {"prompt": "...", "code": "...", "tests": "assert f(1) == 2"} on each line'


class Row(Frozen):
    """One wrong program. `header` is what stands before the docstring where the prompt was a stub of the function.

    `cases` are the row's tests, `refused` counts those that became none, by reason.
    """

    id: str
    file: str
    line: int
    licence: str = OWN
    statement: str
    entry_point: str
    signature: str
    header: str = ""
    code: str
    cases: tuple[Case, ...]
    refused: dict[str, int] = {}


class Failures(Frozen):
    """The wrong programs of a file in its order; `skipped` names the rows that cannot or may not be used.

    `screened` says what was found in all.
    """

    file: str
    items: tuple[Row, ...]
    skipped: tuple[Skipped, ...] = ()
    screened: Screened = Screened()


def read_failures(path: str | Path, entry_hint: str | None = None, rules: ScreeningSpec = BY_DEFAULT) -> Failures:
    """Read a .jsonl file of `{"id"?, "prompt", "code", "entry_point"?, "tests"}`, screened by the rules.

    `tests` is a text with asserts, a list of them, or a list of cases. Without `entry_point` and `entry_hint`, the
    function is the one that the prompt begins, else the last of the code. A code that is only the body of the
    function in the prompt is joined with it. Raises SourceError when no row can be used.
    """
    items: list[Row] = []
    unusable: list[Unusable] = []
    names: set[str] = set()
    screen = Screen(rules)
    for row in read_rows(path):
        if isinstance(row, Unusable):
            unusable.append(row)
            continue
        try:
            item = _screened(_row(row, entry_hint, Path(path).name), screen)
            if item.id in names:
                raise RowError("its id was used before")
        except (RowError, RefusedError) as reason:
            unusable.append(Unusable(line=row.line, reason=str(reason)))
            continue
        names.add(item.id)
        items.append(item)
    if not items:
        raise nothing_usable(path, unusable, _WANTED)
    return Failures(
        file=Path(path).name, items=tuple(items), skipped=skipped_lines(path, unusable), screened=screen.result
    )


def _screened(row: Row, screen: Screen) -> Row:
    """Return a row as it may be used; raises RefusedError. Tests are not changed: they say what the program does."""
    screen.licensed(row.licence, row.file, row.line)
    tests = "\n".join(text for case in row.cases for text in texts_of(case))
    statement, header, code, *_ = screen.passed(
        (
            Piece(row.statement, "prose"),
            Piece(row.header, "fixed"),
            Piece(row.code, "code"),
            Piece(f"{row.id} {row.entry_point} {row.signature}", "fixed"),
            Piece(tests, "fixed"),
        ),
        row.file,
        row.line,
    )
    return row.model_copy(update={"statement": statement, "header": header, "code": code})


def _row(row: JsonRow, entry_hint: str | None, file: str) -> Row:
    prompt, written = row.text("prompt"), _unfenced(row.text("code"))
    stub = _stub(prompt)
    entry = row.optional("entry_point").strip() or entry_hint or _entry(stub, written)
    if not entry.isidentifier():
        raise RowError("its `entry_point` is no name of a function")
    if stub is not None and stub.node.name != entry:
        stub = None
    code = _program(written, entry, stub)
    node = stub.node if stub else _definition(code, entry)
    if node is None:
        raise RowError("the code does not define the function")
    parsed = given_cases(row.values.get("tests"), entry, key="tests", prefix="t")
    if not parsed.cases:
        why = ", ".join(f"{count} {reason}" for reason, count in parsed.refused.items())
        raise RowError(f"no test can be used{f' ({why})' if why else ''}")
    return Row(
        id=row.optional("id", "task_id").strip() or f"line{row.line}",
        file=file,
        line=row.line,
        licence=normalised(row.optional("licence", "license")) or OWN,
        statement=(stub.docstring if stub else prompt).strip() or prompt.strip(),
        entry_point=entry,
        signature=_signature(node),
        header=stub.header if stub else "",
        code=code,
        cases=parsed.cases,
        refused=parsed.refused,
    )


def _signature(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    return f"{node.name}({ast.unparse(node.args)})"


# --- prompts and programs --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Stub:
    """A prompt that ends with a function without a body. `text` can be gone on with, `header` ends at the colon."""

    node: ast.FunctionDef
    docstring: str
    header: str
    text: str


def _stub(prompt: str) -> _Stub | None:
    """Return the function that a prompt begins, or None where the prompt is prose."""
    text = _unfenced(prompt).rstrip()
    for ending in ("", "\n    pass"):
        body = statements(text + ending)
        node = body[-1] if body else None
        if not isinstance(node, ast.FunctionDef) or not all(map(_says_nothing, node.body)):
            continue
        lines = text.split("\n")
        docstring = ""
        for part in node.body:
            match part:
                case ast.Expr(value=ast.Constant(value=str() as words)):
                    docstring, lines = cleandoc(words), lines[: max(node.lineno, part.lineno - 1)]
                    break
        return _Stub(node, docstring if "```" not in prompt else prompt, "\n".join(lines).strip("\n"), text)
    return None


def _says_nothing(node: ast.stmt) -> bool:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return isinstance(node.value.value, str) or node.value.value is ...
    return isinstance(node, ast.Pass | ast.Import | ast.ImportFrom)


def _entry(stub: _Stub | None, code: str) -> str:
    """Return the name of the function that a row is about, from its texts alone."""
    body = statements(code)
    functions = [node.name for node in body or [] if isinstance(node, _FUNCTIONS)]
    if stub is not None and (not functions or stub.node.name in functions):
        return stub.node.name
    if body is None:
        functions = _DEFINED.findall(code)
    if not functions:
        raise RowError("the code defines no function, and the row names no `entry_point`")
    return functions[-1]


def _program(code: str, entry: str, stub: _Stub | None) -> str:
    """Return the program that defines the entry point: the code, or the prompt's function with the code as its body."""
    if stub is None or _definition(code, entry) is not None or re.search(rf"^def {entry}\b", code, re.MULTILINE):
        return code.strip("\n") + "\n"
    indented = textwrap.indent(textwrap.dedent(code), "    ")
    for body in (code, indented):
        joined = "\n".join([stub.text, body.strip("\n"), ""])
        if (node := _definition(joined, entry)) is not None and not all(map(_says_nothing, node.body)):
            return joined
    return f"{stub.text}\n{indented}\n"


def _definition(code: str, entry: str) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    """Return the last definition of a function at the top of a program; only its head where that does not parse."""
    found = [
        node for node in statements(code) or _head(code, entry) if isinstance(node, _FUNCTIONS) and node.name == entry
    ]
    return found[-1] if found else None


def _head(code: str, entry: str) -> list[ast.stmt]:
    found = re.search(rf"^def {entry}\b[^\n]*:", code, re.MULTILINE)
    return (statements(f"{found[0]} pass") or []) if found else []


def _unfenced(text: str) -> str:
    """Return the fenced code of a model's answer, or the text where nothing is fenced."""
    pieces = _FENCED.findall(text)
    return "\n".join(pieces) if pieces else text
