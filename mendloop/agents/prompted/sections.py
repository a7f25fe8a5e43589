"""Reading a model's answer: named sections, and the program in its fence. Tolerant of form, never of meaning."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MAX_ANSWER = 200_000
_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[ \t]*([\w+#.-]*)[^\n`]*$")
_HEADING = re.compile(r"^[\s#>*_\-\d.)]{0,12}([A-Za-z][A-Za-z ]{0,30}?)[*_ ]{0,4}(?::[*_ ]{0,4}(.*)|[*_ :]{0,4})$")
_PYTHON = frozenset({"", "python", "python3", "py", "text", "txt", "code"})
_STARTS = re.compile(r"^(def |class |import |from |@|async def )")


class Malformed(Exception):  # noqa: N818 - a signal to ask again, not an error of ours
    """An answer that cannot be used; the text says why, in words for the model."""


@dataclass(frozen=True)
class Block:
    """One fenced block: its language as written, in lower case, its text, and whether its fence was closed."""

    language: str
    text: str
    closed: bool


def blocks_of(text: str) -> list[Block]:
    """Return the fenced blocks of an answer in order; the last one may lack its end."""
    blocks: list[Block] = []
    fence, language, lines = "", "", list[str]()
    for line in text[:MAX_ANSWER].splitlines():
        match = _FENCE.match(line)
        if not fence:
            if match:
                fence, language, lines = match[1], match[2].lower(), []
        elif match and match[1].startswith(fence) and not match[2]:
            blocks.append(Block(language, "\n".join(lines), closed=True))
            fence = ""
        else:
            lines.append(line)
    if fence:
        blocks.append(Block(language, "\n".join(lines), closed=False))
    return blocks


def sections_of(text: str, names: Sequence[str]) -> dict[str, str]:
    """Return the texts under the named headings, each name once (the first that has content counts).

    A heading is a line with a name, whatever decorates it (`### WHY`, `**Why:** ...`, `WHY: ...`); lines in fences are
    never headings. What stands before the first heading is under the name "".
    """
    wanted = {name.lower(): name for name in names}
    found: dict[str, list[str]] = {"": []}
    current, fenced = "", ""
    for line in text[:MAX_ANSWER].splitlines():
        match = _FENCE.match(line)
        if fenced:
            fenced = "" if match and match[1].startswith(fenced) and not match[2] else fenced
        elif match:
            fenced = match[1]
        elif (heading := _heading(line, wanted)) is not None:
            name, rest = heading
            current = name if not any(part.strip() for part in found.get(name, [])) else f"{name} again"
            found[current] = [rest] if rest else []
            continue
        found.setdefault(current, []).append(line)
    texts = {name: "\n".join(lines).strip() for name, lines in found.items()}
    return {name: texts[name] for name in ("", *names) if texts.get(name)}


def _heading(line: str, wanted: dict[str, str]) -> tuple[str, str] | None:
    match = _HEADING.match(line[:300])
    if match is None:
        return None
    name = wanted.get(match[1].strip().lower())
    if name is None:
        return None
    rest = (match[2] or "").strip(" *_")
    return name, rest + line[300:] if rest else ""


# --- programs --------------------------------------------------------------------------------------------------------


def program_in(text: str, entry_point: str, known: str = "") -> str:
    """Return the program of an answer: the first one that defines the entry point and is not `known`.

    Looked for in fenced Python, then in other fences, then in the bare text. Statements that only try the program out
    (prints, asserts, a main block) are left out. `known` is a program that the question showed: a model that repeats
    it before its own is understood. Raises Malformed where there is none.
    """
    blocks = blocks_of(text)
    ordered = sorted(blocks, key=lambda block: (block.language not in _PYTHON, not block.language.startswith("py")))
    programs = [found for block in ordered if (found := _defining(block.text, entry_point))]
    if not programs and (bare := _bare(text, entry_point)):
        programs = [bare]
    if not programs:
        raise Malformed(_what_is_wrong(blocks, text, entry_point))
    fresh = [program for program in programs if not known or shape(program) != shape(known)]
    return (fresh or programs)[0]


def shape(code: str) -> str:
    """Return what two programs have in common that differ in layout and comments only."""
    tree = _parsed(code)
    return ast.dump(tree) if tree is not None else code.strip()


def _parsed(code: str) -> ast.Module | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _defining(code: str, entry_point: str) -> str:
    """Return a text as a program without what only tries it out; empty where it does not define the entry point."""
    tree = _parsed(code)
    if tree is None:
        code = _dedented(code)
        tree = _parsed(code)
    if tree is None or not any(_is_entry(node, entry_point) for node in tree.body):
        return ""
    lines = code.splitlines()
    for node in reversed(tree.body):
        if _tries_out(node):
            del lines[node.lineno - 1 : node.end_lineno]
    return "\n".join(lines).strip("\n") + "\n"


def _is_entry(node: ast.stmt, entry_point: str) -> bool:
    return isinstance(node, ast.FunctionDef) and node.name == entry_point


def _tries_out(node: ast.stmt) -> bool:
    """Tell whether a statement at the top of a program only uses it; a one-line `a(); b()` counts by its first part."""
    if isinstance(node, ast.Assert):
        return True
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Call)
    return isinstance(node, ast.If) and "__name__" in ast.dump(node.test)


def _dedented(code: str) -> str:
    lines = code.splitlines()
    margin = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return "\n".join(line[margin:] for line in lines)


def _bare(text: str, entry_point: str) -> str:
    """Return a program that stands in an answer without a fence: the longest run of lines that parses."""
    lines = text[:MAX_ANSWER].replace("```", "").splitlines()
    for start in (number for number, line in enumerate(lines) if _STARTS.match(line)):
        for end in _ends(lines, start):
            if program := _defining("\n".join(lines[start:end]), entry_point):
                return program
    return ""


def _ends(lines: Sequence[str], start: int) -> Iterator[int]:
    """Yield where a program may end, the furthest first: before a line at the margin that is prose."""
    at_margin = [n for n in range(start + 1, len(lines)) if lines[n][:1].strip()]
    yield from reversed([*at_margin[:40], len(lines)] if len(at_margin) <= 40 else at_margin[:40])


def _what_is_wrong(blocks: Sequence[Block], text: str, entry_point: str) -> str:
    if not text.strip():
        return "the answer is empty"
    if not blocks and f"def {entry_point}" not in text:
        return f"the answer has no program: put one that defines `{entry_point}` into a ```python block"
    other = [block.language for block in blocks if block.language not in _PYTHON]
    if other and len(other) == len(blocks):
        return f"the program is not Python (the block says {other[0]}): write Python"
    for block in blocks:
        if f"def {entry_point}" in block.text and _parsed(_dedented(block.text)) is None:
            return f"the program does not parse: {_syntax_error(block.text)}"
    return f"no block defines the top-level function `{entry_point}`"


def _syntax_error(code: str) -> str:
    try:
        ast.parse(_dedented(code))
    except SyntaxError as error:
        return f"{error.msg} in line {error.lineno}"
    except (ValueError, RecursionError, MemoryError) as error:
        return type(error).__name__
    return "unknown"
