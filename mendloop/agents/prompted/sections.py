"""Reading a model's answer: named sections, and the program in its fence. Tolerant of form, never of meaning."""

from __future__ import annotations

import ast
import re
import warnings
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from mendloop.agents.prompted.tries import without_tries
from mendloop.agents.shapes import shape

MAX_ANSWER = 200_000
MAX_PARSED = 1_000_000
"""Characters that are parsed in all while a program is looked for in an answer without a fence."""
_FENCE = re.compile(r"^[ \t]*+(`{3,}+|~{3,}+)[ \t]*+([\w+#.-]*+)[^\n`]*+$")
_HEADING = re.compile(
    r"^[\s#>*_\-\d.)]{0,12}([A-Za-z][A-Za-z ]{0,30}?)[*_ ]{0,4}(?:[:：](?:[*_]{1,3}(?=\s|$))?[ \t]*(.*)|[*_ ]{0,4})$"
)
_PYTHON = frozenset({"", "python", "python3", "py", "text", "txt", "code"})
_STARTS = re.compile(r"^(def |class |import |from |@|async def |try:|[A-Za-z_]\w*[ \t]*(?::[^=]{1,80})?=(?!=))")


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
    for line in _lines(text):
        match = _FENCE.match(line)
        if match and not fence:
            fence, language, lines = match[1], match[2].lower(), []
        elif match and match[1].startswith(fence):  # one with a language begins the next block: its end was forgotten
            blocks.append(Block(language, "\n".join(lines), closed=not match[2]))
            fence, language, lines = match[1] if match[2] else "", match[2].lower(), []
        elif fence:
            lines.append(line)
    if fence:
        blocks.append(Block(language, "\n".join(lines), closed=False))
    return blocks


def _lines(text: str) -> list[str]:
    """Return the lines as Python counts them: a form feed or U+2028 inside a line does not end it."""
    lines = text[:MAX_ANSWER].replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return lines if lines[-1] else lines[:-1]


def sections_of(text: str, names: Sequence[str]) -> dict[str, str]:
    """Return the texts under the named headings, each name once (the first that has content counts).

    A heading is a line with a name, whatever decorates it (`### WHY`, `**Why:** ...`, `WHY: ...`); lines in fences are
    never headings. What stands before the first heading is under the name "".
    """
    wanted = {name.lower(): name for name in names}
    found: dict[str, list[str]] = {"": []}
    current, fenced = "", ""
    for line in _lines(text):
        match = _FENCE.match(line)
        if fenced:
            fenced = "" if match and match[1].startswith(fenced) and not match[2] else fenced
        elif match:
            fenced = match[1]
        elif (heading := _heading(line, wanted)) is not None:
            name, rest = heading
            current = name if not any(part.strip() for part in found.get(name, [])) else f"{name} again"
            found[current] = [rest] if rest else []
            fenced = opened[1] if (opened := _FENCE.match(rest)) else ""
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
    return name, line[match.start(2) :].strip(" *") if match[2] else ""


# --- programs --------------------------------------------------------------------------------------------------------


def program_in(text: str, entry_point: str, known: str = "") -> str:
    """Return the program of an answer: the first one that defines the entry point and is not `known`.

    Looked for in fenced Python, then in other fences, then in the bare text; what only tries it out is left out.
    `known` is a program that the question showed: a model that repeats it before its own is understood. Raises
    Malformed where there is none.
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


@dataclass(frozen=True)
class _Reading:
    """A text read as Python: its tree, or in which line (0: unknown) it stops being Python, and why."""

    tree: ast.Module | None
    line: int = 0
    wrong: str = ""


def _read(code: str) -> _Reading:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _Reading(ast.parse(code))
    except SyntaxError as error:
        return _Reading(None, error.lineno or 0, f"{error.msg} in line {error.lineno}")
    except (ValueError, RecursionError, MemoryError) as error:
        return _Reading(None, 0, type(error).__name__)


def _defining(code: str, entry_point: str) -> str:
    """Return a text as a program without what only tries it out; empty where it does not define the entry point."""
    tree = _read(code).tree
    if tree is None:
        code = _dedented(code)
        tree = _read(code).tree
    return without_tries(_lines(code), tree, entry_point) if tree is not None else ""


def _dedented(code: str) -> str:
    lines = _lines(code)
    margin = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return "\n".join(line[margin:] for line in lines)


def _bare(text: str, entry_point: str) -> str:
    """Return a program that stands in an answer without a fence: the longest run of lines that parses.

    Where one does not, it can only end before the line that Python stumbles over.
    """
    lines = ["" if _FENCE.match(line) else line.replace("```", "") for line in _lines(text)]
    margin = [number for number, line in enumerate(lines) if line[:1].strip()]
    starts = [number for number in margin if _STARTS.match(lines[number])]
    entries = [number for number in starts if _opens(lines[number], entry_point)]
    left = MAX_PARSED
    for start in starts if entries else ():
        end, needed = len(lines), entries[min(bisect_right(entries, start - 1), len(entries) - 1)]
        while left > 0 and start <= needed < end:
            code = "\n".join(lines[start:end])
            left -= len(code) + 1
            reading = _read(code)
            if reading.tree is not None:
                if program := without_tries(_lines(code), reading.tree, entry_point):
                    return program
                break
            stumbled = min(start + reading.line - 1, end - 1) if reading.line else end - 1
            end = margin[bisect_right(margin, stumbled) - 1]
    return ""


def _opens(line: str, entry_point: str) -> bool:
    return re.match(rf"def\s+{re.escape(entry_point)}\s*\(", line) is not None


def _what_is_wrong(blocks: Sequence[Block], text: str, entry_point: str) -> str:
    if not text.strip():
        return "the answer is empty"
    begins = re.search(rf"^[ \t]*def\s+{re.escape(entry_point)}\s*\(", text[:MAX_ANSWER], re.MULTILINE)
    if not blocks and begins is None:
        return f"the answer has no program: put one that defines `{entry_point}` into a ```python block"
    other = [block.language for block in blocks if block.language not in _PYTHON]
    if other and len(other) == len(blocks):
        return f"the program is not Python (the block says {other[0][:30]}): write Python"
    texts = [block.text for block in blocks] or [text[begins.start() : MAX_ANSWER] if begins else ""]
    for code in texts:
        reading = _read(_dedented(code))
        if f"def {entry_point}" in code and reading.tree is None:
            return f"the program does not parse: {reading.wrong}"
    return f"no block defines the top-level function `{entry_point}`"
