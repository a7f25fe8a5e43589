"""What models wrote in a run, whatever became of it: problems, programs and suites as rows that can be played back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mendloop.agents.asserts.writing import written_cases
from mendloop.datasets.select import refuse_redacted
from mendloop.events import ProblemProposed, SolutionWritten, SuiteDesigned
from mendloop.records import TRUSTED_ORIGINS, Case, Problem, Solution, Suite
from mendloop.runs.counted import Story
from mendloop.runs.reader import Reader
from mendloop.screening.licences import is_known

NOT_MODELS = frozenset({"procedural", "given", ""})
"""Authors of programs and suites that are no language models."""


@dataclass
class RecordedRows:
    """The rows of a run in session order; `left_out` counts cases that no assert can say."""

    problems: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    programs: list[Mapping[str, Any]] = field(default_factory=list)
    suites: list[Mapping[str, Any]] = field(default_factory=list)
    models: dict[str, None] = field(default_factory=dict)
    licences: dict[str, None] = field(default_factory=dict)
    left_out: int = 0


def recorded_rows(reader: Reader, story: Story) -> RecordedRows:
    """Return what models wrote in the sessions that count, also in those that were dropped.

    A program is a candidate (`sample` 0), another one beside it, or a repair (`turn` above 0). A suite is what was
    designed; cases that came later are a suite of the role `further`. Examples and rederived values are left out.
    Raises RedactedError naming the session when any content of it was erased.
    """
    rows = RecordedRows()
    erased = reader.redacted()
    for told in story.sessions:
        if erased:
            refuse_redacted(reader, told.session, erased)
        for task, written in _written(reader, told.session):
            _add(rows, told.session, task, written)
    return rows


@dataclass(frozen=True)
class _Program:
    turn: int
    sample: int
    solution: Solution


@dataclass(frozen=True)
class _Tests:
    role: str
    author: str
    cases: tuple[Case, ...]


def _written(reader: Reader, session: str) -> Iterator[tuple[Problem, _Program | _Tests]]:
    """Yield what was written in a session, each with the problem as it stood then."""
    problem: Problem | None = None
    known: set[str] = set()
    roles: set[str] = set()
    for stored in reader.events(session):
        match stored.event:
            case ProblemProposed(problem=ref):
                problem = reader.load(ref, Problem)
                known, roles = set(), set()
            case SolutionWritten(turn=turn, peer=peer, solution=ref) if problem is not None:
                yield problem, _Program(turn, peer, reader.load(ref, Solution))
            case SuiteDesigned(role=role, suite=ref) if problem is not None:
                suite = reader.load(ref, Suite)
                new = tuple(case for case in suite.cases if case.origin == "generated" and case.id not in known)
                known |= {case.id for case in suite.cases}
                yield problem, _Tests("further" if role in roles else role, suite.author, new)
                roles.add(role)


def _add(rows: RecordedRows, session: str, problem: Problem, written: _Program | _Tests) -> None:
    author = written.solution.author if isinstance(written, _Program) else written.author
    if author in NOT_MODELS:
        return
    task = _named(rows, problem)
    if isinstance(written, _Program):
        made = {"session": session, "turn": written.turn, "sample": written.sample}
        rows.programs.append({"task_id": task, "model": author, "code": written.solution.code, **made})
    else:
        asserts = written_cases(written.cases, problem.entry_point)
        rows.left_out += asserts.left_out
        if not asserts.asserts:
            return
        made = {"role": written.role, "session": session}
        rows.suites.append({"task_id": task, "model": author, "asserts": list(asserts.asserts), **made})
    rows.models[author] = None


def _named(rows: RecordedRows, problem: Problem) -> str:
    """Return the id of a problem in the rows; one with the same id and another statement gets an id of its own.

    Examples that a model wrote into its own problem are generated cases: they stand in the suites alone.
    """
    row = {
        "statement": problem.statement,
        "entry_point": problem.entry_point,
        "signature": problem.signature,
        "examples": [
            case.model_dump(mode="json", exclude_defaults=True)
            for case in problem.examples
            if case.origin in TRUSTED_ORIGINS
        ],
        "concepts": list(problem.concepts),
    }
    if is_known(problem.source.licence):
        row["licence"] = problem.source.licence
    name, number = problem.id, 1
    while name in rows.problems and {**row, "id": name} != rows.problems[name]:
        number += 1
        name = f"{problem.id}~{number}"
    rows.problems[name] = {"id": name, **row}
    rows.licences[problem.source.licence] = None
    return name
