"""Which parts of a text may be changed without changing what it does or says."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from mendloop.screening.findings import Finding

Standing = Literal["loose", "fixed", "nothing"]
"""Whether a finding can be replaced, cannot without a change of behaviour, or is none."""

_EXAMPLE = re.compile(r"^[ \t]*>>> .*(?:\n(?![ \t]*$).*)*", re.MULTILINE)
_QUOTES = ("'", '"', "`")
_ANYWHERE = frozenset({"private key", "token", "password", "card number"})
"""Kinds that mean something outside of strings and comments too: a number, or what is left of a file that was cut."""


@dataclass(frozen=True)
class Region:
    """`text[start:end]`: prose (a comment, a docstring) or a string that the program uses."""

    start: int
    end: int
    prose: bool


def in_prose(text: str, findings: Sequence[Finding]) -> dict[Finding, Standing]:
    """Return how findings stand in a text: `fixed` in doctests, and personal data alone in quotes: in examples."""
    examples = [found.span() for found in _EXAMPLE.finditer(text)]
    return {
        each: "fixed" if _quoted(text, each) or any(start <= each.start < end for start, end in examples) else "loose"
        for each in findings
    }


def in_code(code: str, findings: Sequence[Finding]) -> dict[Finding, Standing]:
    """Return how findings stand in a Python program: `loose` in comments and docstrings, `fixed` in strings.

    What only looks like an address outside of both is `nothing`, as in `a@b.transpose`. Behind the place where a
    program that does not parse has no tokens any more, all are `fixed`.
    """
    regions, end = _regions(code)
    return {each: _in_region(each, standing, regions, end) for each, standing in in_prose(code, findings).items()}


def _in_region(finding: Finding, in_prose: Standing, regions: Sequence[Region], end: int) -> Standing:
    around = next((each for each in regions if each.start <= finding.start and finding.end <= each.end), None)
    if around is None:
        return "nothing" if finding.end <= end and finding.kind not in _ANYWHERE else "fixed"
    return in_prose if around.prose else "fixed"


def _quoted(text: str, finding: Finding) -> bool:
    before, after = text[finding.start - 1 : finding.start], text[finding.end : finding.end + 1]
    return finding.nature.group == "personal" and before == after and before in _QUOTES


def _regions(code: str) -> tuple[list[Region], int]:
    """Return the comments and strings of a program, and the offset up to which it has tokens."""
    starts = [0]
    for line in code.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    regions: list[Region] = []
    held: Region | None = None
    before, end = tokenize.NEWLINE, 0
    for token in _tokens(code):
        start, end = starts[token.start[0] - 1] + token.start[1], starts[token.end[0] - 1] + token.end[1]
        if token.type in (tokenize.COMMENT, tokenize.NL):
            if token.type == tokenize.COMMENT:
                regions.append(Region(start, end, prose=True))
            continue
        if held is not None:  # a string that begins a statement: prose if the statement ends with it
            regions.append(Region(held.start, held.end, prose=token.type in (tokenize.NEWLINE, tokenize.ENDMARKER)))
            held = None
        if token.type == tokenize.STRING and before in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT):
            held = Region(start, end, prose=False)
        elif token.type == tokenize.STRING or tokenize.tok_name[token.type] in ("FSTRING_MIDDLE", "TSTRING_MIDDLE"):
            regions.append(Region(start, end, prose=False))
        before = token.type
    return regions, end


def _tokens(code: str) -> Iterator[tokenize.TokenInfo]:
    try:
        yield from tokenize.generate_tokens(io.StringIO(code).readline)
    except (tokenize.TokenError, SyntaxError):
        return
