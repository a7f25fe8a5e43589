"""The report for people: plain lines, no terminal control."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from mendloop.runs.intervals import Contrast
from mendloop.runs.report_changes import Scalar
from mendloop.runs.report_model import Budget, Calls, MemorySide, ModelUse, Report

K = TypeVar("K")

_LABEL = 26


def report_lines(report: Report) -> tuple[str, ...]:
    """Return the report as lines, what a user pays for first, and at the end what was not measured and why."""
    return (
        *_cost(report),
        *_yield(report),
        *_strength(report),
        *_content(report),
        *_stages(report),
        *_lessons(report),
        *_unmeasured(report),
    )


def difference_lines(differences: Mapping[str, tuple[Scalar, Scalar]]) -> tuple[str, ...]:
    """Return one line per figure that differs: `figure: before -> after`."""
    if not differences:
        return ("no figure differs",)
    return tuple(f"{name}: {_value(before)} -> {_value(after)}" for name, (before, after) in differences.items())


def _line(label: str, text: str) -> str:
    return f"{label:<{_LABEL}}{text}"


def _cost(report: Report) -> Iterator[str]:
    for label, figure in (("kept per 100k tokens", "kept_per_100k_tokens"), ("kept per US dollar", "kept_per_usd")):
        yield _line(label, _value(getattr(report, figure)) + _within(report, figure))
    measuring = f"; {report.tokens_measuring} of the tokens only measured" if report.tokens_measuring else ""
    yield _line("spent", f"{report.tokens} tokens, {_value(report.usd)} US dollars{measuring}")
    if (budget := report.budget) is not None:
        yield _line("of the budget", _budget(budget))
    if (use := report.model_use) is not None:
        yield from _model_use(report, use)


def _budget(budget: Budget) -> str:
    named = {"tokens": budget.tokens, "US dollars": budget.usd}
    parts = [
        f"{_value(each.used)} of {each.limit:,g} {what}"
        + (f" ({_share(each.share)})" if each.share is not None else "")
        for what, each in named.items()
        if each is not None
    ]
    return "; ".join([*parts, *(f"stopped by {name} x{times}" for name, times in budget.stops.items())])


def _model_use(report: Report, use: ModelUse) -> Iterator[str]:
    yield _line("models", _counts(use.models))
    for role, models in use.roles.items() if len(use.models) > 1 else ():
        yield _line(f"  {role}", _counts(models))
    yield _line("tokens per kept record", _value(report.tokens_per_kept))
    yield _line(
        "written tokens a second",
        f"{_value(report.tokens_per_model_s)} in one request; {_value(report.tokens_per_wall_s)} in all requests "
        f"together, while any was under way ({use.busy_s:.0f} s)",
    )
    if report.cached_share is not None:
        yield _line("prompt tokens cached", _share(report.cached_share))
    yield _line("calls", _calls(use.every))
    for kind, calls in use.by_prompt.items():
        yield _line(f"  {kind}", _calls(calls))


def _calls(calls: Calls) -> str:
    """Return calls and tokens; what went wrong only where something did."""
    odd = {"asked again": calls.again, "asked with more room": calls.longer, "answers unusable": calls.unusable}
    told = [f"{calls.calls}", f"{calls.prompt_tokens} + {calls.completion_tokens} tokens"]
    return "; ".join([*told, *(f"{what} x{number}" for what, number in odd.items() if number)])


def _yield(report: Report) -> Iterator[str]:
    funnel = report.funnel
    state = "" if report.finished else " (the run is not finished)"
    yield _line("method", report.method)
    yield _line("sessions", f"{funnel.sessions}: {funnel.kept} kept, {funnel.dropped} dropped{state}")
    if report.kept_share is not None:
        yield _line("kept share", _share(report.kept_share) + _within_share(report, "kept_share"))
    if funnel.by_reason:
        yield _line("dropped because", _counts(funnel.by_reason, "; " if report.model_use else ", "))
    yield _line("tiers", _counts(report.tiers))
    for tier, share in (report.tier_shares or {}).items():
        yield _line(f"  tier {tier}", _share(share) + _within_share(report, f"tier_shares.{tier}"))
    yield _line("verdicts", _counts(report.verdicts))
    yield _line("verdicts by rule", _counts(report.adjudication))
    yield _line("failing turns", _counts(report.turns))
    if report.difficulty is not None:
        passed = f"{_share(report.difficulty.first_try_rate)} of {report.difficulty.n}"
        yield _line("passed at first try", passed + _within_share(report, "difficulty.first_try_rate"))
    if (repaired := report.repaired) is not None:
        text = f"{repaired.kept} of {repaired.sessions} sessions with a failing turn: {_share(repaired.share)}"
        yield _line("repaired and kept", text + _within_share(report, "repaired.share"))
    if (turns := report.turns_to_repair) is not None:
        mean = f"mean {turns.mean:.2f}{_within(report, 'turns_to_repair.mean')}"
        yield _line("turns to repair", f"median {turns.median:g}, {mean}, n {turns.n}")
    if (against := report.repair_against_resampling) is not None:
        yield _line("repair against resampling", _contrast(against, "repaired", "resampled"))


def _strength(report: Report) -> Iterator[str]:
    if (held_out := report.held_out) is not None:
        interval = f"95 % interval {_share(held_out.low)} to {_share(held_out.high)}"
        yield _line("held-out suite failed", f"{held_out.failed} of {held_out.n} ({interval})")
    if (compared := report.compared) is not None:
        yield _line("parted from reference", f"{compared.parted} of {compared.n} accepted programs")
    if (score := report.mutation_score) is not None:
        mean = f"mean {score.mean:.3f}{_within(report, 'mutation_score.mean')}"
        yield _line("mutation score", f"median {score.median:.3f}, {mean}, n {score.n}")
    for label, peers in (("peers agreeing", report.peers_agreeing), ("  of another family", report.peers_other_family)):
        if peers is not None:
            yield _line(label, f"median {peers.median:g}, mean {peers.mean:.2f}, n {peers.n}")
    if (faults := report.faults) is not None:
        answer = {True: " - as known", False: " - NOT AS KNOWN", None: ""}[faults.known_answer_ok]
        parts = [f"{n}: {_counts(turns)}" for n, turns in faults.by_count.items()]
        yield _line("faults: failing turns", f"{'; '.join(parts)}{answer}")
    if report.contamination is not None:
        yield _line("contamination", _counts(report.contamination))


def _content(report: Report) -> Iterator[str]:
    if report.operators is not None:
        yield _line("fault families", _counts(report.operators.by_family))
        yield _line("fault operators", f"{len(report.operators.by_operator)}: {_counts(report.operators.by_operator)}")
    if (spread := report.diversity) is not None:
        where = f" in {spread.modules} modules" if spread.modules else ""
        yield _line("distinct functions", f"{spread.functions}{where}")
        yield _line("problem clusters", f"{spread.clusters}; at most {spread.max_per_function} rows a function")
        if spread.concept_entropy is not None:
            yield _line("concept entropy", f"{_value(spread.concept_entropy)} bits")
    if (alike := report.near_duplicates) is not None:
        text = f"{alike.clusters} clusters of {alike.n} programs, the largest of {alike.largest}"
        yield _line("near-duplicates", f"{text}; {_share(alike.share)} have one")
    if report.grounded_share is not None:
        yield _line("grounded in real code", _share(report.grounded_share) + _within_share(report, "grounded_share"))
    if set(report.generations) - {0}:
        yield _line("generations", _counts(report.generations))
    if report.ancestry:
        yield _line("descended from", _counts(report.ancestry))


def _stages(report: Report) -> Iterator[str]:
    for row in report.stages:
        right = f"teacher {row.teacher_right}, student {row.student_right} of {row.n} right, p {row.p:.3g}"
        lost = f"; concepts lost: {', '.join(row.lost)}" if row.lost else ""
        change = f"{row.before} -> {row.after} ({row.reason})"
        yield _line(f"split {row.split}", f"{right}: {change}; {row.kept} kept, {row.grounded} grounded{lost}")


def _lessons(report: Report) -> Iterator[str]:
    memory = report.memory
    for name, side in (("on", memory.on), ("off", memory.off)):
        yield _line(f"memory {name}", _side(side) + _within(report, f"memory.{name}.trials_per_repair"))
    if report.memory_lift is not None:
        yield _line("repaired, on against off", _contrast(report.memory_lift, "on", "off"))
    yield _line("lessons", f"{memory.retrieved} retrieved, {memory.helped} credited with a fix")


def _side(side: MemorySide) -> str:
    return f"{side.sessions} sessions, {side.repairs} repairs, {_value(side.trials_per_repair)} trials a repair"


def _unmeasured(report: Report) -> Iterable[str]:
    if not report.not_measured:
        return []
    return ["not measured:", *(f"  {_line(key, why)}" for key, why in report.not_measured.items())]


def _counts(counts: Mapping[K, int], between: str = ", ") -> str:
    return between.join(f"{name} x{count}" for name, count in counts.items()) or "none"


def _contrast(contrast: Contrast, first: str, second: str) -> str:
    sides = ((first, contrast.first), (second, contrast.second))
    shares = ", ".join(f"{name} {_share(side.share)} of {side.n}" for name, side in sides)
    holds = "; it holds 0: not told apart" if contrast.holds_zero else ""
    low, high = (f"{100 * bound:+.1f}" for bound in (contrast.low, contrast.high))
    return f"{shares}: {100 * contrast.difference:+.1f} points (95 % interval {low} to {high}{holds})"


def _within(report: Report, figure: str) -> str:
    """Return a figure's interval in brackets, nothing where it has none."""
    found = report.intervals.get(figure)
    return f" (95 % interval {_value(found.low)} to {_value(found.high)})" if found else ""


def _within_share(report: Report, figure: str) -> str:
    found = report.intervals.get(figure)
    return f" (95 % interval {_share(found.low)} to {_share(found.high)})" if found else ""


def _share(share: float) -> str:
    return f"{100 * share:.1f} %"


def _value(value: Scalar) -> str:
    if value is None:
        return "not measured"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
