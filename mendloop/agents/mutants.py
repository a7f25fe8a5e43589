"""Mutants of a program: what measures how strong its tests are, and what each of them does otherwise, in words."""

from __future__ import annotations

import builtins
import keyword
import re
from typing import Protocol

from mendloop.frozen import Frozen

_QUOTED = re.compile(r"`([^`]*)`")
_NAME = re.compile(r"[A-Za-z_]\w*")
_TEXT = re.compile(r"'[^']*'|\"[^\"]*\"")
_KNOWN = frozenset(dir(builtins)) | frozenset(keyword.kwlist)


class Mutant(Frozen):
    """A program with one fault: `summary` says what was changed and quotes the program, `kind` says it in general."""

    code: str
    summary: str
    kind: str


class MutantMaker(Protocol):
    """Makes mutants of an accepted program, for measuring how strong its tests are."""

    def __call__(self, code: str, entry_point: str, limit: int) -> tuple[Mutant, ...]:
        """Return at most `limit` distinct mutants, always the same for the same program."""
        ...


def aim_of(mutant: Mutant, signature: str) -> str:
    """Return what a mutant does otherwise, for somebody who may not see the program.

    The summary where it quotes nothing but what the signature names, literals and Python's own names; else its kind.
    """
    known = _KNOWN | set(_NAME.findall(signature))
    quoted = [_TEXT.sub("", span) for span in _QUOTED.findall(mutant.summary)]
    if quoted and all(name in known for span in quoted for name in _NAME.findall(span)):
        said = mutant.summary.strip().rstrip(".")
        return said[:1].lower() + said[1:] if said[1:2].islower() else said
    return mutant.kind
