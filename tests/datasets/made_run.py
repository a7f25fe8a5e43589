"""A small run store made by hand through the store's public interface, for tests of exports and reports."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from mendloop.events import (
    RUN_SESSION,
    LlmAnswered,
    MemoryQueried,
    MemoryStored,
    RecordDropped,
    RecordKept,
    RunFinished,
    RunStarted,
    SessionFinished,
    SessionStarted,
    SolutionWritten,
    StageJudged,
    VerdictReached,
)
from mendloop.executions import CaseResult
from mendloop.records import (
    Attempt,
    Case,
    Contract,
    Fault,
    Message,
    Problem,
    Provenance,
    Record,
    Solution,
    Source,
    TierEvidence,
    Verdict,
    VerdictKind,
)
from mendloop.runs.store import create_run
from mendloop.tools.chat.protocol import Answer, ChatMessage, ChatRequest, Finish, Usage

GOOD = "def double(xs):\n    return [x * 2 for x in xs]\n"
WORSE = ("def double(xs):\n    return [x * 3 for x in xs]\n", "def double(xs):\n    return [x + 1 for x in xs[1:]]\n")
CASES = (
    Case(id="s1", call="double([1, 2])", expect="[2, 4]", origin="reference"),
    Case(id="s2", call="double([])", expect="[]", origin="doctest", isolated=True),
    Case(id="s3", call="double(3)", raises="TypeError", origin="reference"),
)
_GOT = {GOOD: "[2, 4]", WORSE[0]: "[3, 6]", WORSE[1]: "[3]"}
SCENARIO = {"goal": "some repairs", "deterministic": True, "seed": 7, "source": {"kind": "python", "package": "stdlib"}}


def problem_of(number: int) -> Problem:
    source = Source(
        kind="python", package="stdlib", qualname=f"double{number // 2}", file="pkg/lists.py", licence="PSF-2.0"
    )
    return Problem(
        id=f"p{number}",
        statement="Write `double(xs)` that doubles every item.",
        entry_point="double",
        signature="double(xs)",
        contract=Contract(evidence=("doctests",)),
        source=source,
        versions={"python": "3.11"},
        cluster=f"c{number // 2}",
        concepts=("pkg.lists",),
    )


def attempt_of(turn: int, code: str) -> Attempt:
    passed = code == GOOD
    verdict = Verdict(kind="passed" if passed else "code_fault", rule="all_cases_pass" if passed else "fails_an_anchor")
    results = (
        CaseResult(id="s1", status="pass" if passed else "fail", got=_GOT[code]),
        CaseResult(id="s2", status="pass", got="[]"),
        CaseResult(id="s3", status="pass", error="TypeError: 'int' object is not iterable"),
    )
    return Attempt(turn=turn, code=code, verdict=verdict, cases=results)


def message(role: Any, content: str, turn: int, verdict: VerdictKind | str = "", *, train: bool = False) -> Message:
    names = {"user": "critic", "assistant": "programmer", "system": "system"}
    return Message(role=role, name=names[role], content=content, train=train, turn=turn, verdict=verdict)


def record_of(number: int, failing: int = 1, **changes: Any) -> Record:
    """Return a record with some failing turns; `changes` replace fields."""
    attempts = [attempt_of(turn, code) for turn, code in enumerate([*WORSE[:failing], GOOD])]
    said = [message("user", "Write `double(xs)`.", 0)]
    for attempt in attempts:
        kind = attempt.verdict.kind
        said.append(message("assistant", f"```python\n{attempt.code}```", attempt.turn, kind, train=kind == "passed"))
        if kind != "passed":
            said += [message("user", "1 of 3 tests fails.", attempt.turn, kind)]
            said += [message("user", "It triples.", attempt.turn, kind)]
    record = Record(
        id=f"{number:024x}",
        session=f"s{number:04d}",
        problem=problem_of(number),
        messages=tuple(said),
        attempts=tuple(attempts),
        cases=CASES,
        reflections=(),
        tier="B",
        evidence=TierEvidence(
            basis="reference",
            shown_cases=3,
            held_out_cases=4,
            held_out_passed=4,
            mutants_live=10,
            mutants_killed=9,
            isolation="local",
        ),
        provenance=Provenance(team="procedural", seed=7, operators=("off_by_one",) * failing, memory="on"),
    )
    return record.model_copy(update=changes)


def faults(number: int) -> tuple[Fault, ...]:
    """Return some injected faults of one operator."""
    return tuple(
        Fault(
            id=f"f{n}",
            operator="off_by_one",
            kind="arithmetic",
            line=2,
            start=0,
            end=1,
            before="2",
            after="3",
            summary="",
        )
        for n in range(number)
    )


MODEL = "some-coder-1b"
WEIGHTS = "c" * 64
PROMPTS = {"diagnose": "d" * 64, "repair": "e" * 64}


def record_of_a_model(number: int, team: str = "injected", failing: int = 1, **source: Any) -> Record:
    """Return a record in which a model plays the roles that it plays in a team; `source` replaces fields of it."""
    record = record_of(number, failing)
    every = team == "prompted"
    given = {"kind": "goal", "package": "", "file": "", "licence": "generated"} if every else {}
    given = (
        {"kind": "failures", "package": "", "file": "wrong.jsonl", "licence": "unknown"} if team == "given" else given
    )
    roles = ("proposer", "programmer", "tester", "critic") if every else ("programmer", "critic")
    provenance = Provenance(
        team=team,
        models=dict.fromkeys(roles, MODEL),
        weights={MODEL: WEIGHTS},
        prompts=PROMPTS,
        operators=("off_by_one",) if team == "injected" else (),
        seed=7,
        memory="on",
    )
    problem = record.problem.model_copy(update={"source": record.problem.source.model_copy(update=given | source)})
    basis = {"prompted": "none", "given": "given"}.get(team, "reference")
    evidence = record.evidence.model_copy(update={"basis": basis})
    return record.model_copy(update={"provenance": provenance, "problem": problem, "evidence": evidence})


@dataclass(frozen=True)
class Asked:
    """One question to a model as a made run journals it: `key` is `node#visit/role/slot`."""

    key: str
    prompt: int = 100
    completion: int = 20
    cached: int = 0
    ms: float = 2_000.0
    finish: Finish = "stop"
    said: str = "an answer"


@dataclass
class MadeRun:
    """Sessions to be written: a Record is kept, a text is the reason of a drop, None never ended.

    A record's programs hold as many faults as turns fail, and `more_faults`. `asked` are the questions to a model, by
    session number; `resampled` the numbers of sessions in that arm.
    """

    sessions: list[Record | str | None]
    counted: int | None = None
    scenario: dict[str, Any] = field(default_factory=lambda: dict(SCENARIO))
    start: float = 1_700_000_000.0
    more_faults: int = 0
    team: str = "procedural"
    asked: dict[int, list[Asked]] = field(default_factory=dict)
    resampled: frozenset[int] = frozenset()
    stages: list[StageJudged] = field(default_factory=list)

    def write(self, path: Path) -> Path:
        """Write the run and return its folder."""
        asyncio.run(self._write(path))
        return path

    async def _write(self, path: Path) -> None:
        ticks = itertools.count()
        with create_run(path, clock=lambda: self.start + next(ticks)) as store:
            run = await store.journal(RUN_SESSION)
            scenario = store.put(yaml.safe_dump(self.scenario))
            await run.emit("started", RunStarted(scenario=scenario, version="0.1.0", team=self.team, seed=7))
            for number, what in enumerate(self.sessions):
                await self._session(store, number, what)
            for judged in self.stages:
                await run.emit(f"judged{judged.split}", judged)
            if self.counted is not None:
                kept = sum(isinstance(what, Record) for what in self.sessions[: self.counted])
                await run.emit("finished", RunFinished(reason="target", counted=self.counted, kept=kept))
            await store.flush()

    async def _session(self, store: Any, number: int, what: Record | str | None) -> None:
        journal = await store.journal(f"s{number:04d}")
        memory = "on" if number % 2 == 0 else "off"
        arm = "resample" if number in self.resampled else "repair"
        await journal.emit("start", SessionStarted(index=number, memory=memory, arm=arm))
        for asked in self.asked.get(number, []):
            await journal.emit(asked.key, _answered(store, asked))
        if what is None:
            return
        if isinstance(what, Record):
            await self._kept(store, journal, what)
            end = SessionFinished(outcome="kept", reason="", tier=what.tier, turns=len(what.attempts))
        else:
            await self._dropped(store, journal, number, what)
            end = SessionFinished(outcome="dropped", reason=what, tier=None, turns=1)
        await journal.emit("end", end)

    async def _kept(self, store: Any, journal: Any, record: Record) -> None:
        failing = len(record.attempts) - 1
        for attempt in record.attempts:
            left = faults(failing - attempt.turn + self.more_faults)
            solution = Solution(code=attempt.code, author="procedural", injected=left, trials=2 if attempt.turn else 0)
            written = SolutionWritten(turn=attempt.turn, peer=0, solution=store.put(solution))
            await journal.emit(f"solution{attempt.turn}", written)
            verdict = VerdictReached(
                turn=attempt.turn,
                verdict=attempt.verdict.kind,
                rule=attempt.verdict.rule,
                detail=store.put(attempt.verdict),
            )
            await journal.emit(f"verdict{attempt.turn}", verdict)
        await journal.emit("query", MemoryQueried(request="r", result=store.put("found"), found=2))
        stored = MemoryStored(reflection=store.put("lesson"), retrieved=("a", "b"), helped=("a",))
        await journal.emit("lesson", stored)
        await journal.emit("kept", RecordKept(tier=record.tier, record=store.put(record)))

    async def _dropped(self, store: Any, journal: Any, number: int, reason: str) -> None:
        solution, verdict = (
            Solution(code=WORSE[0], author="procedural"),
            Verdict(kind="code_fault", rule="fails_an_anchor"),
        )
        evidence = TierEvidence(basis="reference", shown_cases=3, held_out_cases=4, held_out_passed=3)
        state = {
            "session": journal.session,
            "index": number,
            "reason": reason,
            "problem": store.put(problem_of(number)).sha256,
            "solutions": [store.put(solution).sha256],
            "verdicts": [store.put(verdict).sha256],
        }
        if reason == "parts_from_reference":
            evidence = evidence.model_copy(update={"held_out_passed": 4, "reference_inputs": 24})
        if reason in ("fails_held_out", "parts_from_reference"):
            state["evidence"] = store.put(evidence).sha256
        reached = VerdictReached(turn=0, verdict="code_fault", rule="fails_an_anchor", detail=store.put(verdict))
        await journal.emit("verdict0", reached)
        await journal.emit("dropped", RecordDropped(reason=reason, detail=store.put(state)))


def _answered(store: Any, asked: Asked) -> LlmAnswered:
    question = ChatMessage(role="user", content=f"What of {asked.key}?")
    order = ChatMessage(role="system", content="You answer.")
    request = ChatRequest(messages=(order, question), max_tokens=100, temperature=0.7, seed=1)
    usage = Usage(prompt=asked.prompt, completion=asked.completion, cached=asked.cached)
    answer = Answer(text=asked.said, finish=asked.finish, model=MODEL, usage=usage, ms=asked.ms)
    return LlmAnswered(
        request="r",
        result=store.put(answer),
        prompt=store.put(request),
        model=MODEL,
        finish=asked.finish,
        prompt_tokens=asked.prompt,
        completion_tokens=asked.completion,
        cached_tokens=asked.cached,
        ms=asked.ms,
    )
