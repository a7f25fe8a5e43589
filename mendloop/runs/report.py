"""The report: the figures that a run prints about itself (METHOD section 5), read from its journal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import ValidationError

from mendloop.errors import InputError, RedactedError
from mendloop.events import BudgetUsed, LlmAnswered, MemoryQueried, MemoryStored, SolutionWritten, VerdictReached
from mendloop.records import Record, Solution, TierEvidence
from mendloop.runs.answers import Asked, asked_in, busy_seconds, model_reason, unusable
from mendloop.runs.blobs import unpack
from mendloop.runs.counted import Story, Told, read_object, read_story
from mendloop.runs.figures import (
    Outline,
    diversity,
    histogram,
    mutation_score,
    outline_of,
    spread,
    tally,
    tiers,
    wilson,
)
from mendloop.runs.prices import price_in
from mendloop.runs.reader import Reader
from mendloop.runs.report_model import (
    Budget,
    Calls,
    Compared,
    Difficulty,
    Faults,
    Funnel,
    HeldOut,
    Memory,
    MemorySide,
    ModelUse,
    Operators,
    Repaired,
    Report,
    Used,
    differences,
)
from mendloop.runs.spent import usd_of

__all__ = ["Report", "differences", "read_report", "report"]

REAL_CODE = frozenset({"python", "snippets"})
"""Kinds of source whose problems rest on code that exists."""
PARTED = "parts_from_reference"
"""The reason of a session whose accepted program did something else than its reference."""


def report(run_path: Path) -> Report:
    """Return the figures of a run, finished or not. Raises InputError when the folder is no run, DamageError."""
    with Reader(run_path) as reader:
        story = read_story(reader)
        return _reported(reader, story, _Loaded(reader, story))


def read_report(path: Path) -> Report:
    """Return a report that was saved as JSON. Raises InputError when the file holds none."""
    try:
        return Report.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path)) from error
    except ValidationError as error:
        remedy = "save one with `mendloop report RUN --json`"
        raise InputError("is not a report of this version of mendloop", where=str(path), remedy=remedy) from error


class _Loaded:
    """What is read from blobs: outlines of the kept records, and those that began with injected faults."""

    def __init__(self, reader: Reader, story: Story) -> None:
        self.outlines: list[Outline] = []
        self.injected: list[tuple[Solution, Outline]] = []
        self.erased = 0
        for told in story.sessions:
            if told.kept is None:
                continue
            try:
                self._add(outline_of(reader.load(told.kept.record, Record)), _first_program(reader, told))
            except RedactedError:
                self.erased += 1

    def _add(self, outline: Outline, first: Solution | None) -> None:
        self.outlines.append(outline)
        if first is not None and first.injected:
            self.injected.append((first, outline))


def _first_program(reader: Reader, told: Told) -> Solution | None:
    """Return the last candidate of turn 0: a problem that was restated started over."""
    written = [each for each in told.of(SolutionWritten) if each.turn == 0 and each.peer == 0]
    return reader.load(written[-1].solution, Solution) if written else None


def _reported(reader: Reader, story: Story, loaded: _Loaded) -> Report:
    outlines, facts = loaded.outlines, story.facts
    use = _model_use(reader, story)
    tokens = use.every.prompt_tokens + use.every.completion_tokens if use else 0
    funnel = _funnel(story.sessions)
    accepted = list(_accepted(reader, story, outlines))
    usd = _usd(story, tokens)
    strong = sum(1 for each in outlines if each.tier in ("A", "B"))
    figures = {
        "kept_per_100k_tokens": round(strong * 100_000 / tokens, 6) if tokens else None,
        "kept_per_usd": round(strong / usd, 6) if usd else None,
        "held_out": _held_out(accepted),
        "compared": _compared(accepted, story.sessions),
        "test_validity": None,
        "mutation_score": spread([s for each in outlines if (s := mutation_score(each.evidence)) is not None]),
        "repair_against_resampling": None,
        "faults": _faults(loaded.injected),
        "operators": _operators(loaded.injected),
        "diversity": diversity(outlines),
        "difficulty": _difficulty(story.sessions),
        "peers_agreeing": spread([n for each in outlines if (n := each.evidence.peers_agreeing) is not None]),
        "grounded_share": _grounded_share(outlines),
        "repaired": _repaired(story.sessions),
        "turns_to_repair": spread([each.failed_turns for each in outlines if each.failed_turns]),
        "tokens_per_kept": round(tokens / funnel.kept, 1) if tokens and funnel.kept else None,
        "tokens_per_model_s": _speed(use, use.model_s) if use else None,
        "tokens_per_wall_s": _speed(use, use.busy_s) if use else None,
        "cached_share": _cached_share(use) if use else None,
        "model_use": use,
        "usd": usd,
        "contamination": _contamination(outlines),
        "budget": _budget(story, tokens, usd),
    }
    why = _WHY | (_WHY_OF_A_MODEL if use else {})
    if tokens and usd is None:
        why["kept_per_usd"] = why["usd"]
    missing = {key: why[key] for key, value in figures.items() if value is None}
    if loaded.erased:
        missing["redacted_records"] = f"{loaded.erased} kept records were erased on request; figures leave them out"
    bases: set[str] = {each.evidence.basis for each in outlines} or {_BASIS_OF.get(facts.team, "reference")}
    if "given" in bases:
        missing["test_validity"] = "the tests were given, and no reference to check them against"
    if "none" in bases:
        missing["test_validity"] = "generated tests, and no reference to check them against"
    if not outlines:
        missing |= {key: _NO_RECORD for key in _OF_RECORDS if key in missing}
    return Report.model_validate(
        {
            **figures,
            "funnel": funnel,
            "tiers": tiers(outlines),
            "adjudication": tally(event.rule for told in story.sessions for event in told.of(VerdictReached)),
            "turns": histogram(each.failed_turns for each in outlines),
            "memory": _memory(reader, story.sessions),
            "generations": histogram(each.generation for each in outlines),
            "tokens": tokens,
            "team": facts.team,
            "version": facts.version,
            "seed": facts.seed,
            "finished": facts.finished is not None,
            "not_measured": missing,
        }
    )


_NO_RECORD = "no record was kept"
_NO_MODEL = "no language model was asked"
_NO_TIMES = "the answers carry no times"
_BASIS_OF = {"prompted": "none", "given": "given"}
"""What the tests of a team rest on; all others have an executed reference."""
_OF_RECORDS = ("mutation_score", "faults", "operators", "peers_agreeing", "turns_to_repair")
_WHY = {
    "kept_per_100k_tokens": "no tokens were spent",
    "kept_per_usd": "no money was spent",
    "held_out": "no accepted program met a held-out suite",
    "compared": "no accepted program other than its reference was run beside one",
    "test_validity": "every expected value is from the executed reference; no test was written independently of it",
    "mutation_score": "no kept record has live mutants",
    "repair_against_resampling": "no share of the problems was spent on resampling",
    "faults": "no kept record began with injected faults",
    "operators": "no kept record began with injected faults",
    "diversity": _NO_RECORD,
    "difficulty": "no first program was judged",
    "peers_agreeing": "no peers were asked for",
    "grounded_share": _NO_RECORD,
    "repaired": "no turn failed",
    "turns_to_repair": "no kept record has a failing turn",
    "tokens_per_kept": _NO_MODEL,
    "tokens_per_model_s": _NO_MODEL,
    "tokens_per_wall_s": _NO_MODEL,
    "cached_share": _NO_MODEL,
    "model_use": _NO_MODEL,
    "usd": "tokens were spent, and the price is not known",
    "contamination": "nothing was compared with public benchmarks",
    "budget": "the scenario sets no budget in tokens or US dollars",
}
_WHY_OF_A_MODEL = {
    "kept_per_100k_tokens": "no tokens were counted",
    "tokens_per_kept": _NO_RECORD,
    "tokens_per_model_s": _NO_TIMES,
    "tokens_per_wall_s": _NO_TIMES,
    "cached_share": "no answer named cached prompt tokens; a server may not count them",
}


def _usd(story: Story, tokens: int) -> float | None:
    if not tokens:
        return 0.0
    price = price_in(story.facts.scenario)
    paid = [usd_of(event, price) for event in story.spent if isinstance(event, LlmAnswered)]
    return None if None in paid else round(sum(each or 0.0 for each in paid), 6)


def _budget(story: Story, tokens: int, usd: float | None) -> Budget | None:
    """Return what the scenario's budget allows, beside what was used of it; None where it sets no limit."""
    stated = story.facts.scenario.get("budget")
    limits = {key: value for key, value in stated.items() if value is not None} if isinstance(stated, dict) else {}
    used = {"tokens": tokens, "usd": usd}
    lines = {
        key: Used(used=used[key], limit=limits[key], share=_part(used[key], limits[key]))
        for key in ("tokens", "usd")
        if key in limits
    }
    stops = tally(event.name for event in story.spent if isinstance(event, BudgetUsed))
    return Budget(**lines, stops=stops) if lines or stops else None


def _part(used: float | None, limit: float) -> float | None:
    return None if used is None else round(used / limit, 6)


def _model_use(reader: Reader, story: Story) -> ModelUse | None:
    if not any(isinstance(event, LlmAnswered) for event in story.spent):
        return None
    asked = list(asked_in(reader))
    useless = unusable(asked)
    kinds = sorted({each.kind for each in asked})
    return ModelUse(
        models=tally(each.event.model for each in asked),
        roles={
            role: tally(each.event.model for each in asked if each.played == role)
            for role in sorted({each.played for each in asked})
        },
        every=_calls(asked, useless),
        by_prompt={kind: _calls([each for each in asked if each.kind == kind], useless) for kind in kinds},
        cached_tokens=sum(each.event.cached_tokens for each in asked),
        reasoning_tokens=sum(each.event.reasoning_tokens for each in asked),
        model_s=round(sum(each.event.ms for each in asked) / 1000, 3),
        busy_s=round(busy_seconds(asked), 3),
    )


def _calls(asked: Sequence[Asked], useless: frozenset[tuple[str, str]]) -> Calls:
    return Calls(
        calls=len(asked),
        prompt_tokens=sum(each.event.prompt_tokens for each in asked),
        completion_tokens=sum(each.event.completion_tokens for each in asked),
        again=sum(each.again for each in asked),
        longer=sum(each.longer for each in asked),
        unusable=sum((each.session, each.key) in useless for each in asked),
    )


def _speed(use: ModelUse, seconds: float) -> float | None:
    return round(use.every.completion_tokens / seconds, 3) if seconds else None


def _cached_share(use: ModelUse) -> float | None:
    return round(use.cached_tokens / use.every.prompt_tokens, 6) if use.cached_tokens else None


def _repaired(sessions: Sequence[Told]) -> Repaired | None:
    """Count the sessions in which a program was judged and did not pass, whatever became of them."""
    failing = [told for told in sessions if any(event.verdict == "code_fault" for event in told.of(VerdictReached))]
    if not failing:
        return None
    kept = sum(told.end.outcome == "kept" for told in failing)
    return Repaired(sessions=len(failing), kept=kept, share=round(kept / len(failing), 6))


def _funnel(sessions: Sequence[Told]) -> Funnel:
    reasons = tally(_reason(told.end.reason) for told in sessions if told.end.outcome == "dropped")
    dropped = sum(reasons.values())
    return Funnel(sessions=len(sessions), kept=len(sessions) - dropped, dropped=dropped, by_reason=reasons)


def _reason(reason: str) -> str:
    """Return a reason as losses are counted by it: those that lie in a model's answer without their details."""
    found = model_reason(reason)
    return ": ".join(found) if found else reason


def _accepted(reader: Reader, story: Story, outlines: Sequence[Outline]) -> Iterator[TierEvidence]:
    """Yield the evidence of all accepted programs: of the kept ones, and of those dropped afterwards."""
    yield from (each.evidence for each in outlines)
    for told in story.sessions:
        if told.dropped is None:
            continue
        hashed = read_object(reader, told.dropped.detail).get("evidence")
        if isinstance(hashed, str):
            try:
                yield unpack(reader.blob(hashed), TierEvidence)
            except RedactedError:
                continue


def _held_out(evidence: Sequence[TierEvidence]) -> HeldOut | None:
    met = [each for each in evidence if each.held_out_cases]
    if not met:
        return None
    failed = sum(1 for each in met if each.held_out_passed != each.held_out_cases)
    low, high = wilson(failed, len(met))
    return HeldOut(n=len(met), failed=failed, low=low, high=high)


def _compared(evidence: Sequence[TierEvidence], sessions: Sequence[Told]) -> Compared | None:
    n = sum(1 for each in evidence if each.reference_inputs)
    parted = sum(1 for told in sessions if told.end.outcome == "dropped" and told.end.reason == PARTED)
    return Compared(n=n, parted=parted) if n else None


def _faults(injected: Sequence[tuple[Solution, Outline]]) -> Faults | None:
    if not injected:
        return None
    pairs = [(len(first.injected), outline.failed_turns) for first, outline in injected]
    by_count = {n: histogram(turns for count, turns in pairs if count == n) for n in histogram(n for n, _ in pairs)}
    modelled = any(outline.maker.models for _, outline in injected)
    return Faults(by_count=by_count, known_answer_ok=None if modelled else all(n == turns for n, turns in pairs))


def _operators(injected: Sequence[tuple[Solution, Outline]]) -> Operators | None:
    if not injected:
        return None
    faults = [fault for first, _ in injected for fault in first.injected]
    return Operators(
        by_operator=tally(fault.operator for fault in faults), by_family=tally(fault.kind for fault in faults)
    )


def _difficulty(sessions: Sequence[Told]) -> Difficulty | None:
    """Judge by the last verdict on turn 0: earlier ones were about its tests or its statement."""
    judged = [verdicts[-1] for told in sessions if (verdicts := [v for v in told.of(VerdictReached) if v.turn == 0])]
    if not judged:
        return None
    passed = sum(1 for verdict in judged if verdict.verdict == "passed")
    return Difficulty(first_try_rate=round(passed / len(judged), 6), n=len(judged))


def _memory(reader: Reader, sessions: Sequence[Told]) -> Memory:
    return Memory(
        on=_memory_side(reader, [told for told in sessions if told.start.memory == "on"]),
        off=_memory_side(reader, [told for told in sessions if told.start.memory == "off"]),
        retrieved=sum(event.found for told in sessions for event in told.of(MemoryQueried)),
        helped=sum(len(event.helped) for told in sessions for event in told.of(MemoryStored)),
    )


def _memory_side(reader: Reader, sessions: Sequence[Told]) -> MemorySide:
    trials = [n for told in sessions for n in _trials(reader, told)]
    mean = round(sum(trials) / len(trials), 6) if trials else None
    return MemorySide(sessions=len(sessions), repairs=len(trials), trials_per_repair=mean)


def _trials(reader: Reader, told: Told) -> Iterator[int]:
    for written in told.of(SolutionWritten):
        if written.turn > 0 and written.peer == 0:
            try:
                yield reader.load(written.solution, Solution).trials
            except RedactedError:
                continue


def _grounded_share(outlines: Sequence[Outline]) -> float | None:
    if not outlines:
        return None
    return round(sum(1 for each in outlines if each.source_kind in REAL_CODE) / len(outlines), 6)


def _contamination(outlines: Sequence[Outline]) -> dict[str, int] | None:
    found = tally(each.evidence.contamination for each in outlines)
    return found if set(found) - {"not_checked"} else None
