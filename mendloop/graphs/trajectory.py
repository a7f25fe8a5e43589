"""A trajectory: the ordered turns of a session, read back from the journal."""

from __future__ import annotations

from dataclasses import dataclass

from mendloop.executions import CaseResult, ProgramResult
from mendloop.graphs.state import RepairState
from mendloop.memory.protocol import Found
from mendloop.records import Diagnosis, Failure, Problem, Reflection, Solution, Suite, Verdict
from mendloop.tools.journal import Journal


@dataclass(frozen=True)
class Turn:
    """One attempt with what was said about it; `diagnosis` and `failure` are None for the turn that passed."""

    solution: Solution
    result: ProgramResult
    verdict: Verdict
    diagnosis: Diagnosis | None
    failure: Failure | None
    recalled: tuple[Reflection, ...]

    @property
    def untimed(self) -> tuple[CaseResult, ...]:
        """The case results without times, which differ from run to run."""
        return tuple(case.model_copy(update={"ms": 0.0}) for case in self.result.cases)


@dataclass(frozen=True)
class Trajectory:
    """A problem, its shown suite and its turns."""

    problem: Problem
    shown: Suite
    turns: tuple[Turn, ...]


def trajectory_of(state: RepairState, journal: Journal) -> Trajectory:
    """Return the trajectory that a state stands for."""
    diagnoses, failures, found = state.get("diagnoses", []), state.get("failures", []), state.get("found", [])
    turns = [
        Turn(
            solution=journal.get(state["solutions"][number], Solution),
            result=journal.get(state["results"][number], ProgramResult),
            verdict=journal.get(state["verdicts"][number], Verdict),
            diagnosis=journal.get(diagnoses[number], Diagnosis) if number < len(diagnoses) else None,
            failure=journal.get(failures[number], Failure) if number < len(failures) else None,
            recalled=_recalled(found[number], journal) if number < len(found) else (),
        )
        for number in range(len(state["verdicts"]))
    ]
    return Trajectory(journal.get(state["problem"], Problem), journal.get(state["shown"], Suite), tuple(turns))


def _recalled(hashed: str, journal: Journal) -> tuple[Reflection, ...]:
    return tuple(each.reflection for each in journal.get(hashed, Found).reflections)
