"""Peers: the other programs of a session, and which of them have a say."""

from __future__ import annotations

import re
from typing import NamedTuple

from mendloop.agents.shapes import shape
from mendloop.executions import ProgramResult
from mendloop.graphs.state import RepairState
from mendloop.graphs.team import Desk
from mendloop.judgement.adjudication import refuted
from mendloop.records import Problem, Solution, Suite


class Peer(NamedTuple):
    """A program, and what it did with the shown suite and the anchors."""

    solution: Solution
    result: ProgramResult


def independent(state: RepairState, desk: Desk) -> list[Peer]:
    """Return the peers that have a say: other syntax trees than the candidate's and each other's, and no failed anchor.

    A program that fails an anchor is wrong, so neither what it passes nor what it agrees on says anything.
    """
    problem = desk.journal.get(state["problem"], Problem)
    cases = (*problem.examples, *desk.journal.get(state["shown"], Suite).cases)
    seen = {shape(desk.journal.get(state["solutions"][-1], Solution).code)}
    found: list[Peer] = []
    for peer, result in zip(state.get("peers", []), state.get("peer_results", []), strict=False):
        each = Peer(desk.journal.get(peer, Solution), desk.journal.get(result, ProgramResult))
        tree = shape(each.solution.code)
        if tree not in seen:
            seen.add(tree)
            if not refuted(cases, each.result):
                found.append(each)
    return found


def family_of(author: str) -> str:
    """Return the family of a model by its name: `Qwen/Qwen2.5-Coder-7B` and `qwen2.5-coder-1.5b` are of one."""
    name = author.rpartition("/")[2].lower()
    found = re.match(r"[a-z]+", name)
    return found[0] if found else name
