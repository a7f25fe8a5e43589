"""A run made by hand that an oracle can judge: who wrote what, which suites stood when, and what was concluded."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mendloop.events import (
    RUN_SESSION,
    LlmAnswered,
    ProblemProposed,
    RecordDropped,
    RecordKept,
    RunFinished,
    RunStarted,
    SessionFinished,
    SessionStarted,
    SolutionWritten,
    SuiteDesigned,
    VerdictReached,
)
from mendloop.records import Attempt, Case, Problem, Record, Solution, Source, Suite, Tier, Verdict, VerdictKind
from mendloop.runs.store import create_run
from mendloop.tools.chat.protocol import Answer, Usage
from tests.datasets.made_run import SCENARIO, record_of


def cases(*pairs: tuple[str, str], origin: Any = "generated") -> tuple[Case, ...]:
    """Return cases c1, c2, ... of (call, expected value)."""
    return tuple(
        Case(id=f"c{number}", call=call, expect=expect, origin=origin) for number, (call, expect) in enumerate(pairs, 1)
    )


@dataclass(frozen=True)
class Turn:
    """One program, the suite that judged it, and the verdict; `failing` are the cases that the verdict names."""

    code: str
    shown: tuple[Case, ...]
    verdict: VerdictKind
    rule: str = "a_rule"
    failing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Session:
    """One session about a problem; `tier` None is a dropped one."""

    problem: str
    turns: tuple[Turn, ...]
    held_out: tuple[Case, ...] = ()
    tier: Tier | None = None
    reason: str = ""
    statement: str = "Return twice the number."
    tokens: int = 0


def written(path: Path, sessions: Sequence[Session], scenario: dict[str, Any] | None = None) -> Path:
    """Write the sessions into a finished run folder and return it; a `model` in the scenario plays the programmer."""
    asyncio.run(_write(path, sessions, {**SCENARIO, **(scenario or {})}))
    return path


async def _write(path: Path, sessions: Sequence[Session], scenario: dict[str, Any]) -> None:
    with create_run(path) as store:
        run = await store.journal(RUN_SESSION)
        models = {"programmer": str(scenario.pop("model"))} if "model" in scenario else {}
        blob = store.put(yaml.safe_dump(scenario))
        started = RunStarted(scenario=blob, version="0.1.0", team="prompted", seed=7, models=models)
        await run.emit("started", started)
        for number, session in enumerate(sessions):
            await _session(store, number, session)
        kept = sum(session.tier is not None for session in sessions)
        await run.emit("finished", RunFinished(reason="target", counted=len(sessions), kept=kept))
        await store.flush()


async def _session(store: Any, number: int, session: Session) -> None:
    journal = await store.journal(f"s{number:04d}")
    await journal.emit("start", SessionStarted(index=number, memory="on"))
    source = Source(kind="goal", package="", qualname="f")
    problem = Problem(id=session.problem, statement=session.statement, entry_point="f", signature="f(x)", source=source)
    await journal.emit("problem", ProblemProposed(problem=store.put(problem)))
    if session.tokens:
        await journal.emit("program#0/programmer/write/0", _answered(store, session.tokens))
    await _suite(store, journal, "held_out", session.held_out)
    for turn, each in enumerate(session.turns):
        await _suite(store, journal, f"shown{turn}", each.shown)
        solution = store.put(Solution(code=each.code, author="model"))
        await journal.emit(f"solution{turn}", SolutionWritten(turn=turn, peer=0, solution=solution))
        verdict = Verdict(kind=each.verdict, rule=each.rule, failing=each.failing)
        reached = VerdictReached(turn=turn, verdict=each.verdict, rule=each.rule, detail=store.put(verdict))
        await journal.emit(f"verdict{turn}", reached)
    if session.tier is not None:
        record = _record(number, session, problem)
        await journal.emit("kept", RecordKept(tier=session.tier, record=store.put(record)))
        end = SessionFinished(outcome="kept", reason="", tier=session.tier, turns=len(session.turns))
    else:
        state = {"session": journal.session, "reason": session.reason}
        await journal.emit("dropped", RecordDropped(reason=session.reason, detail=store.put(state)))
        end = SessionFinished(outcome="dropped", reason=session.reason, tier=None, turns=len(session.turns))
    await journal.emit("end", end)


async def _suite(store: Any, journal: Any, key: str, given: tuple[Case, ...]) -> None:
    role: Any = "held_out" if key == "held_out" else "shown"
    suite = Suite(author="tester", role=role, cases=given)
    await journal.emit(key, SuiteDesigned(role=role, cases=len(given), suite=store.put(suite)))


def _answered(store: Any, tokens: int) -> LlmAnswered:
    answer = Answer(text="an answer", finish="stop", model="model", usage=Usage(prompt=tokens, completion=0))
    return LlmAnswered(request="r", result=store.put(answer), model="model", prompt_tokens=tokens, completion_tokens=0)


def _record(number: int, session: Session, problem: Problem) -> Record:
    attempts = tuple(
        Attempt(turn=place, code=turn.code, verdict=Verdict(kind=turn.verdict, rule=turn.rule), cases=())
        for place, turn in enumerate(session.turns)
    )
    return record_of(number, problem=problem, attempts=attempts, tier=session.tier)
