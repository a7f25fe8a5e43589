"""The report for people: plain lines, no terminal control."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from mendloop.records import Tier
from mendloop.runs.report_model import MemorySide, Report, Scalar

_LABEL = 26


def report_lines(report: Report) -> tuple[str, ...]:
    """Return the report as lines, what a user pays for first, and at the end what was not measured and why."""
    return (
        *_cost(report),
        *_yield(report),
        *_strength(report),
        *_content(report),
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
    yield _line("kept per 100k tokens", _value(report.kept_per_100k_tokens))
    yield _line("kept per US dollar", _value(report.kept_per_usd))
    yield _line("spent", f"{report.tokens} tokens, {_value(report.usd)} US dollars")


def _yield(report: Report) -> Iterator[str]:
    funnel = report.funnel
    state = "" if report.finished else " (the run is not finished)"
    yield _line("sessions", f"{funnel.sessions}: {funnel.kept} kept, {funnel.dropped} dropped{state}")
    if funnel.by_reason:
        yield _line("dropped because", _counts(funnel.by_reason))
    yield _line("tiers", _counts(report.tiers))
    yield _line("verdicts by rule", _counts(report.adjudication))
    yield _line("failing turns", _counts(report.turns))
    if report.difficulty is not None:
        yield _line("passed at first try", f"{_share(report.difficulty.first_try_rate)} of {report.difficulty.n}")


def _strength(report: Report) -> Iterator[str]:
    if (held_out := report.held_out) is not None:
        interval = f"95 % interval {_share(held_out.low)} to {_share(held_out.high)}"
        yield _line("held-out suite failed", f"{held_out.failed} of {held_out.n} ({interval})")
    if (score := report.mutation_score) is not None:
        yield _line("mutation score", f"median {score.median:.3f}, mean {score.mean:.3f}, n {score.n}")
    if (faults := report.faults) is not None:
        answer = "as known" if faults.known_answer_ok else "NOT AS KNOWN"
        parts = [f"{n}: {_counts(turns)}" for n, turns in faults.by_count.items()]
        yield _line("faults: failing turns", f"{'; '.join(parts)} - {answer}")
    if report.contamination is not None:
        yield _line("contamination", _counts(report.contamination))


def _content(report: Report) -> Iterator[str]:
    if report.operators is not None:
        yield _line("fault families", _counts(report.operators.by_family))
        yield _line("fault operators", f"{len(report.operators.by_operator)}: {_counts(report.operators.by_operator)}")
    if (spread := report.diversity) is not None:
        yield _line("distinct functions", f"{spread.functions} in {spread.modules} modules")
        yield _line("near-duplicate clusters", f"{spread.clusters}; at most {spread.max_per_function} rows a function")
        yield _line("concept entropy", _value(spread.concept_entropy) + " bits")
    if report.grounded_share is not None:
        yield _line("grounded in real code", _share(report.grounded_share))


def _lessons(report: Report) -> Iterator[str]:
    memory = report.memory
    yield _line("memory on", _side(memory.on))
    yield _line("memory off", _side(memory.off))
    yield _line("lessons", f"{memory.retrieved} retrieved, {memory.helped} credited with a fix")


def _side(side: MemorySide) -> str:
    return f"{side.sessions} sessions, {side.repairs} repairs, {_value(side.trials_per_repair)} trials a repair"


def _unmeasured(report: Report) -> Iterable[str]:
    if not report.not_measured:
        return []
    return ["not measured:", *(f"  {_line(key, why)}" for key, why in report.not_measured.items())]


def _counts(counts: Mapping[str, int] | Mapping[Tier, int] | Mapping[int, int]) -> str:
    return ", ".join(f"{name} x{count}" for name, count in counts.items()) or "none"


def _share(share: float) -> str:
    return f"{100 * share:.1f} %"


def _value(value: Scalar) -> str:
    if value is None:
        return "not measured"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
