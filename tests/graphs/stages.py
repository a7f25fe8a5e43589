"""A problem about doubling a number, and scripted teams that drive it down every path of the repair graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mendloop.agents.critic import Opinion
from mendloop.agents.mutants import Mutant
from mendloop.agents.scripted import ScriptedCritic, ScriptedProgrammer, ScriptedProposer, ScriptedTester
from mendloop.executions import Limits
from mendloop.graphs.team import Team
from mendloop.memory.none import NoMemory
from mendloop.records import Case, Origin, Problem, Source
from mendloop.specs import Loop, MemorySpec, Target
from mendloop.tools.sandbox.protocol import Sandbox

RIGHT = "def double(n):\n    return n * 2\n"
PEER = "def double(n):\n    return n + n\n"
SHIFT = "def double(n):\n    return n << 1\n"
OFF = "def double(n):\n    return n * 2 + 1\n"
FAR = "def double(n):\n    return n\n"

PROBLEM = Problem(
    id="double-0",
    statement="Write `double(n)`, which returns twice the number.",
    entry_point="double",
    signature="double(n)",
    source=Source(kind="scripted", package="tests", qualname="double"),
    cluster="double",
)


def case(case_id: str, number: int, expect: int | None = None, origin: Origin = "generated") -> Case:
    expected = 2 * number if expect is None else expect
    return Case(id=case_id, call=f"double({number})", expect=str(expected), origin=origin)


def cases(prefix: str, numbers: Sequence[int], origin: Origin = "generated") -> tuple[Case, ...]:
    return tuple(case(f"{prefix}{number}", number, origin=origin) for number in numbers)


def mutants(code: str, entry_point: str, limit: int) -> tuple[Mutant, ...]:
    return tuple(
        Mutant(code=f"def double(n):\n    return n * 2 + {shift}\n", summary=f"{shift} too many", kind="too many")
        for shift in range(1, 7)
    )


def team(sandbox: Sandbox, **changes: object) -> Team:
    """Return a team whose first program is wrong, whose second is right, and whose shown cases are anchors."""
    base = Team(
        name="scripted",
        proposer=ScriptedProposer([PROBLEM]),
        programmer=ScriptedProgrammer([OFF, RIGHT]),
        tester=ScriptedTester(cases("s", [1, 2, 3], "given"), cases("h", range(10, 14), "given")),
        critic=ScriptedCritic(),
        mutants=mutants,
        sandbox=sandbox,
        memory=NoMemory(),
        loop=Loop(memory=MemorySpec(enabled=False)),
        target=Target(min_tier="C", min_failed_turns=0),
        limits=Limits(cpu_s=1, wall_s=5),
        seed=0,
        deterministic=True,
    )
    return replace(base, **changes)  # type: ignore[arg-type]  # the names are Team's own


def cites(kind: str) -> tuple[Opinion, Opinion]:
    opinion = Opinion.model_validate({"kind": kind, "cites": "returns twice the number"})
    return opinion, opinion
