"""Statements from a model's answer: prose, fences, doctests and an end that was cut off do not cost the rest.

Nothing here runs a line of what it reads, and all of it takes time in proportion to the text.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from mendloop.agents.asserts.constants import constant
from mendloop.agents.asserts.expressions import expression, statements

MAX_TEXT = 200_000
_MAX_NESTING = 8
_MAX_JOINED = 12
"""Pieces that are tried together where one alone does not parse: a bracket or a text that goes on at the margin."""

_FENCE = re.compile(r" {0,12}(?:```|~~~)")
_TELLING = re.compile(r"\bassert|>>>|\braises\b")
_MARKED = re.compile(r"[ \t]*(?:[-*+] |\d{1,3}[.)] )?`?(?=assert\b)")
_ASSERT = re.compile(r"[ \t]*assert\b")
_CLOSING = re.compile(r"[ \t]*[)\]}]|(?:else|elif|except|finally)\b")
_OPENS_BLOCK = re.compile(
    r"[ \t]*(?:async |for|while|with|try|if|elif|else|except|finally|match|case|def|class|@)\b|[ \t]*@"
)
_ENTERED = re.compile(r"[ \t]*(?:async +def|def|class)\b|[ \t]*if +__name__\b")


@dataclass
class Salvaged:
    """What could be read: one list of statements for each piece of code, and the asserts that do not parse."""

    blocks: list[list[ast.stmt]] = field(default_factory=list)
    broken: int = 0
    no_literal: int = 0


def salvage(text: str) -> Salvaged:
    """Return the statements of an answer; what does not parse is counted and left out. Never raises."""
    found = Salvaged()
    plain = text[:MAX_TEXT].replace("\r\n", "\n").replace("\r", "\n").replace("\0", " ")
    for block in _code(plain.split("\n")):
        lines, examples = _without_doctests(block, found)
        found.blocks.append(_statements(lines, found, 0) + examples)
    return found


def _code(lines: list[str]) -> list[list[str]]:
    """Return the fenced pieces that hold tests; the whole text where there are none."""
    pieces: list[list[str]] = []
    inside = False
    for line in lines:
        if _FENCE.match(line):
            inside = not inside
            if inside:
                pieces.append([])
        elif inside:
            pieces[-1].append(line)
    telling = [piece for piece in pieces if any(_TELLING.search(line) for line in piece)]
    return telling or [[line for line in lines if not _FENCE.match(line)]]


# --- statements ------------------------------------------------------------------------------------------------------


def _statements(lines: list[str], found: Salvaged, depth: int) -> list[ast.stmt]:
    """Return the statements of lines at one level of indentation, without those that do not parse."""
    whole = _parsed(lines)
    if whole is not None or depth > _MAX_NESTING:
        return whole or []
    chunks = list(_chunks(lines))
    kept: list[ast.stmt] = []
    position = 0
    while position < len(chunks):
        taken, parsed = _joined(chunks, position)
        kept += parsed if parsed is not None else _inside(chunks[position], found, depth)
        position += taken
    return kept


def _parsed(lines: Sequence[str]) -> list[ast.stmt] | None:
    """Return the statements of lines that may share an indentation."""
    margin = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    text = "\n".join(lines)
    return statements(f"if 1:\n{text}") if margin and _is_indented(lines) else statements(text)


def _is_indented(lines: Sequence[str]) -> bool:
    first = next((line for line in lines if line.strip()), "")
    return first[:1] in (" ", "\t")


def _chunks(lines: list[str]) -> Iterator[list[str]]:
    """Yield pieces that begin at the margin, with the deeper, empty and closing lines that follow, and decorators."""
    margin = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    chunk: list[str] = []
    decorated = False
    for line in lines:
        at_margin = line.strip() and len(line) - len(line.lstrip()) <= margin
        if chunk and at_margin and not decorated and not _CLOSING.match(line[margin:]):
            yield chunk
            chunk = []
        decorated = line.lstrip().startswith("@") if at_margin else decorated
        chunk.append(line)
    if chunk:
        yield chunk


def _joined(chunks: list[list[str]], position: int) -> tuple[int, list[ast.stmt] | None]:
    """Return how many chunks parse together from here on, and their statements; (1, None) when none do."""
    first = [_MARKED.sub("", chunks[position][0]).rstrip("`"), *chunks[position][1:]]
    marked = first[0] != chunks[position][0].strip()
    parsed = statements("\n".join(first)) if marked and _ASSERT.match(first[0]) else _parsed(chunks[position])
    if parsed is not None or not _is_open(chunks[position]):
        return 1, parsed
    lines = list(chunks[position])
    for count, chunk in enumerate(chunks[position + 1 : position + _MAX_JOINED], start=2):
        lines += chunk
        if _ASSERT.match(chunk[0]):
            break
        if (parsed := _parsed(lines)) is not None:
            return count, parsed
    return 1, None


def _is_open(chunk: Sequence[str]) -> bool:
    """Tell whether a chunk may go on at the margin: a text in three quotes or a bracket that is not closed."""
    text = "\n".join(chunk)
    if len(text) > 2_000:
        return False
    quotes = text.count('"""') % 2 or text.count("'''") % 2
    return bool(quotes) or any(text.count(a) > text.count(b) for a, b in ("()", "[]", "{}"))


def _inside(chunk: list[str], found: Salvaged, depth: int) -> list[ast.stmt]:
    """Return what can be read in a chunk that does not parse: a definition keeps its head, prose loses its line."""
    head = 0
    while head < len(chunk) - 1 and (not chunk[head].strip() or chunk[head].lstrip().startswith("@")):
        head += 1
    rest = chunk[head + 1 :]
    line = chunk[head].strip()
    if not any(part.strip() for part in rest) or (_OPENS_BLOCK.match(line) and not _ENTERED.match(line)):
        found.broken += sum(1 for part in chunk if _ASSERT.match(part))
        return []
    if _ASSERT.match(line):
        found.broken += 1
    body = _statements(rest, found, depth + 1)
    if not _ENTERED.match(line) or not body:
        return body
    opened = statements("\n".join([*(part.strip() for part in chunk[:head]), f"{line} pass"]))
    if opened and isinstance(opened[0], ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef | ast.If):
        opened[0].body = body
        return opened
    return body if line.startswith(("class", "if")) else []


# --- doctests --------------------------------------------------------------------------------------------------------


def _without_doctests(lines: list[str], found: Salvaged) -> tuple[list[str], list[ast.stmt]]:
    """Return the lines without their interactive examples, and the examples as statements."""
    kept: list[str] = []
    examples: list[ast.stmt] = []
    position = 0
    while position < len(lines):
        stripped = lines[position].lstrip()
        if not stripped.startswith(">>> "):
            kept.append(lines[position])
            position += 1
            continue
        source = [stripped[4:]]
        position += 1
        while position < len(lines) and lines[position].lstrip().startswith("..."):
            source.append(lines[position].lstrip()[4:])
            position += 1
        want: list[str] = []
        while position < len(lines) and _is_wanted(lines[position]):
            want.append(lines[position].strip())
            position += 1
        kept.append("")
        try:
            examples += _example("\n".join(source), want, found)
        except (RecursionError, MemoryError):
            found.broken += 1
    return kept, examples


def _is_wanted(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith((">>>", '"""', "'''", "```"))


def _example(source: str, want: list[str], found: Salvaged) -> list[ast.stmt]:
    """Return an interactive example as the statement that a test would hold."""
    call = expression(source)
    if call is None:
        parsed = statements(source)
        found.broken += parsed is None
        return parsed or []
    if not want:
        return [ast.Expr(call)]
    if want[0].startswith("Traceback"):
        kind = re.match(r"[\w.]{0,200}", want[-1])
        raised = ast.Name((kind[0] if kind else "").rpartition(".")[2], ast.Load())
        context = ast.Call(ast.Name("raises", ast.Load()), [raised], [])
        return [ast.With([ast.withitem(context)], [ast.Expr(call)])]
    if isinstance(call, ast.Call) and ast.unparse(call.func) == "print" and len(call.args) == 1 and not call.keywords:
        shown: ast.expr | None = ast.Constant("\n".join(want))
        call = ast.Call(ast.Name("str", ast.Load()), call.args, [])
    else:
        shown = expression("\n".join(want)) or expression(want[0])
    if shown is None or constant(shown) is None:
        found.no_literal += 1
        return []
    return [ast.Assert(ast.Compare(call, [ast.Eq()], [shown]), None)]
