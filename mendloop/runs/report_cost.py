"""What a run cost, and what came of it for that: tokens, money, budget, and the use of models."""

from __future__ import annotations

from collections.abc import Sequence

from mendloop.events import BudgetUsed
from mendloop.runs.answers import Asked, busy_seconds, unusable
from mendloop.runs.counted import Story
from mendloop.runs.figures import tally
from mendloop.runs.intervals import Interval, Totals, clustered
from mendloop.runs.observed import Observed, Sight
from mendloop.runs.report_group import Group
from mendloop.runs.report_model import Budget, Calls, ModelUse, Used

PER_TOKENS = 100_000


def cost(sight: Sight) -> Group:
    """Return the figures of cost."""
    use = _model_use(sight.asked)
    making, measuring = sight.bill(measuring=False), sight.bill(measuring=True)
    tokens = making.tokens + measuring.tokens
    usd = None if making.usd is None or measuring.usd is None else round(making.usd + measuring.usd, 6)
    wanted = sum(map(is_wanted, sight.sessions))
    kept = sum(each.is_kept for each in sight.sessions)
    return Group(
        {
            "kept_per_100k_tokens": round(wanted * PER_TOKENS / making.tokens, 6) if making.tokens else None,
            "kept_per_usd": round(wanted / making.usd, 6) if making.usd else None,
            "tokens": tokens,
            "tokens_measuring": measuring.tokens,
            "tokens_per_kept": round(making.tokens / kept, 1) if making.tokens and kept else None,
            "tokens_per_model_s": _speed(use, use.model_s) if use else None,
            "tokens_per_wall_s": _speed(use, use.busy_s) if use else None,
            "cached_share": _cached_share(use) if use else None,
            "model_use": use,
            "usd": usd,
            "budget": _budget(sight.story, tokens, usd),
        },
        {
            "kept_per_100k_tokens": _per_tokens(sight, making.tokens),
            "kept_per_usd": _per_usd(sight, making.usd),
        },
    )


def is_wanted(session: Observed) -> bool:
    """Tell whether a session gave what a user pays for: a record of tier A or B with a failing turn."""
    outline = session.kept.outline if session.kept else None
    return outline is not None and outline.tier in ("A", "B") and outline.failed_turns > 0


def _per_tokens(sight: Sight, making: int) -> Interval | None:
    """Return the interval of wanted records per 100k tokens; what no session that counts took is a fixed cost."""
    rows = [(each.cluster, (float(is_wanted(each)), float(each.spent.tokens))) for each in sight.sessions]
    fixed = making - sum(each.spent.tokens for each in sight.sessions)

    def figure(totals: Totals) -> float | None:
        tokens = totals[1] + fixed
        return totals[0] * PER_TOKENS / tokens if tokens else None

    return clustered(rows, figure) if making else None


def _per_usd(sight: Sight, making: float | None) -> Interval | None:
    rows = [(each.cluster, (float(is_wanted(each)), each.spent.usd or 0.0)) for each in sight.sessions]
    fixed = (making or 0.0) - sum(each.spent.usd or 0.0 for each in sight.sessions)

    def figure(totals: Totals) -> float | None:
        usd = totals[1] + max(0.0, fixed)
        return totals[0] / usd if usd else None

    return clustered(rows, figure) if making else None


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


def _model_use(asked: Sequence[Asked]) -> ModelUse | None:
    if not asked:
        return None
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
