"""The survey: trying every candidate in the sandbox, and keeping the functions whose inputs can be drawn.

Three executions a candidate: a probe that tries the guessed kinds, then the drawn inputs in order, then the same
backwards under another hash seed. What differs between the last two shows hidden state and depends on set order.
"""

from __future__ import annotations

import ast
import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from mendloop.agents.procedural.anchors import verified
from mendloop.agents.procedural.code_lines import raise_lines
from mendloop.agents.procedural.contracts import (
    Guess,
    combinations,
    contract_of,
    guess,
    in_words,
    plausibility,
    same_family,
)
from mendloop.agents.procedural.inputs import fresh_calls, observed_call, one_call, passes
from mendloop.agents.procedural.item import Catalogue, Item
from mendloop.agents.procedural.literals import read
from mendloop.agents.procedural.purity import NotUsable
from mendloop.agents.procedural.source import Candidate, Candidates
from mendloop.agents.procedural.twins import clusters
from mendloop.executions import Call, Execution, Limits, Outcome, Request
from mendloop.records import Contract, Evidence, Source
from mendloop.tools.bench import derive
from mendloop.tools.values import render

Run = Callable[[str, Request], Awaitable[Execution]]
"""(slot, request) -> execution; the caller journals it under the slot."""

LIMITS: Final = Limits(cpu_s=0.25, wall_s=5)
"""A function that needs longer on a small input is no material for a dialogue."""
SLOW_MS: Final = 50.0
"""A call that takes longer both times makes its function too slow: far from the limit, so that two surveys agree."""
PROBES = 3
"""Calls per combination of kinds."""
DRAWN = 56
POOL = 48
MIN_INPUTS, MIN_RESULTS = 12, 5
MIN_OF_EACH = 6
"""A predicate has only two results; each of them must come up this often."""
MAX_RESULT = 300
"""Characters of a result that a person would still read."""
SAME_RESULT = 0.25
"""Share of the pool that may have one and the same result, so that suites tell programs apart."""
MIN_SUCCESS = 0.5
AT_ONCE = 4


async def survey(candidates: Candidates, run: Run, seed: int) -> Catalogue:
    """Try every candidate; returns the usable ones in source order and counts the others by reason.

    Every random choice derives from `seed` and the candidate, so that a second survey sends the same requests.
    """
    gate = asyncio.Semaphore(AT_ONCE)
    versions = {"python": candidates.python}

    async def one(candidate: Candidate) -> Item | str:
        async with gate:
            try:
                return await _survey_one(candidate, candidates, run, seed)
            except NotUsable as reason:
                return str(reason)

    found = await asyncio.gather(*(one(candidate) for candidate in candidates.items))
    items = [item.model_copy(update={"versions": versions}) for item in found if isinstance(item, Item)]
    groups = clusters([(item.id, item.code, item.entry_point) for item in items])
    skipped = Counter(candidates.refused)
    skipped.update(reason for reason in found if isinstance(reason, str))
    return Catalogue(
        items=tuple(item.model_copy(update={"cluster": groups[item.id]}) for item in items),
        skipped=dict(sorted(skipped.items())),
    )


async def _survey_one(candidate: Candidate, candidates: Candidates, run: Run, seed: int) -> Item:
    rng = random.Random(derive(seed, "survey", candidate.id))  # noqa: S311 - sampling, not secrecy
    guesses = guess(candidate)
    kinds = await _probe(candidate, guesses, run, rng)
    contract = contract_of(guesses, kinds, _evidence(candidate, guesses))
    texts = fresh_calls(candidate.signature, contract, candidate.code, rng, DRAWN, _plain_calls(candidate))
    drawn = [_observed(candidate, f"i{place:02d}", text) for place, text in enumerate(texts)]
    anchors = [Call(id=f"x{place:02d}", call=case.call, setup=case.setup) for place, case in enumerate(candidate.cases)]
    ahead = await _run(run, f"survey/{candidate.id}/ahead", candidate, [*drawn, *anchors], 0)
    ended = [call for call in drawn if call.id in ahead and ahead[call.id].status in ("returned", "raised")]
    if len(ended) < len(drawn) - 3:
        raise NotUsable("does not end or cannot be written down on many inputs")
    if any(ahead[call.id].status == "timeout" for call in drawn if call.id in ahead):
        raise NotUsable("takes too long")
    back = await _run(run, f"survey/{candidate.id}/back", candidate, ended[::-1], 1)
    if any(call.id in back and min(ahead[call.id].ms, back[call.id].ms) > SLOW_MS for call in ended):
        raise NotUsable("takes too long")
    seen = _Seen.of(candidate, texts, drawn, ahead, back)
    pool = seen.pool()
    _judge(pool, seen)
    contract = _without_failing(contract, candidate, seen)
    examples, contradicted = verified(candidate.cases, [ahead.get(call.id) for call in anchors])
    return Item(
        id=candidate.id,
        module=candidate.module,
        qualname=f"{candidate.module}.{candidate.entry_point}",
        entry_point=candidate.entry_point,
        code=candidate.code,
        signature=candidate.signature,
        docstring=candidate.docstring,
        contract=contract,
        examples=examples,
        contradicted=contradicted,
        pool=pool,
        mutates=seen.mutates,
        raising=seen.raising(),
        exceptions=seen.exceptions(),
        source=_source(candidate, candidates),
    )


def _observed(candidate: Candidate, ident: str, text: str) -> Call:
    """Return the call in a form that shows what becomes of its containers."""
    call = observed_call(candidate.signature, text) or Call(id=ident, call=text)
    return call.model_copy(update={"id": ident})


async def _run(run: Run, slot: str, candidate: Candidate, calls: Sequence[Call], hash_seed: int) -> dict[str, Outcome]:
    request = Request(code=candidate.code, calls=tuple(calls), limits=LIMITS, hash_seed=hash_seed)
    execution = await run(slot, request)
    return {outcome.id: outcome for outcome in execution.outcomes}


async def _probe(
    candidate: Candidate, guesses: Sequence[Guess], run: Run, rng: random.Random
) -> dict[str, tuple[str, ...]]:
    """Return the kinds of each parameter that worked in the sandbox; raises NotUsable when none did."""
    tried = combinations(guesses)
    optional = {g.name: _optional_kinds(g) for g in guesses if g.optional}
    calls: list[Call] = []
    for place, combination in enumerate(tried):
        contract = contract_of(guesses, {name: (kind,) for name, kind in combination.items()}, ())
        texts = [
            one_call(candidate.signature, contract, candidate.code, rng, style) for style in ("basic", "edge", "large")
        ]
        calls += [Call(id=f"{place}.{n}", call=text) for n, text in enumerate(texts[:PROBES])]
    outcomes = await _run(run, f"survey/{candidate.id}/probe", candidate, calls, 0)
    raises = raise_lines(candidate.code)
    success = [_success(outcomes, place, raises) for place in range(len(tried))]
    scores = [
        plausibility(guesses, combination) * 2 + good + 0.15 * _distinct(outcomes, place)
        for place, (combination, good) in enumerate(zip(tried, success, strict=True))
    ]
    good = [place for place in range(len(tried)) if success[place] >= MIN_SUCCESS]
    if good and any(outcome.status == "timeout" for outcome in outcomes.values()):
        raise NotUsable("takes too long")
    if not good:
        raise NotUsable("no kind of input works")
    best = max(good, key=lambda place: (scores[place], -place))
    kinds: dict[str, tuple[str, ...]] = {name: (kind,) for name, kind in tried[best].items()}
    for place in good:
        if success[place] >= 0.99 and (other := _variation(tried[best], tried[place])):
            name, kind = other
            kinds[name] = (*kinds[name], kind)[:2]
    return {name: shown for name, shown in optional.items() if shown} | kinds


def _optional_kinds(of: Guess) -> tuple[str, ...]:
    """Return the best kind of an optional parameter, and the next when it is a close relative."""
    kinds = [kind for kind, _ in of.scored[:2]]
    return tuple(kinds if len(kinds) == 2 and same_family(*kinds) else kinds[:1])


def _variation(best: dict[str, str], other: dict[str, str]) -> tuple[str, str] | None:
    """Return the one parameter in which a combination differs from the best, when its kind is a close relative."""
    different = [name for name in best if best[name] != other[name]]
    if len(different) != 1 or not same_family(best[different[0]], other[different[0]]):
        return None
    return different[0], other[different[0]]


def _success(outcomes: dict[str, Outcome], place: int, raises: frozenset[int]) -> float:
    """Return the share of calls that returned; a deliberate exception counts a little, an accident not at all."""
    found = [outcomes.get(f"{place}.{n}") for n in range(PROBES)]
    good = sum(1.0 for outcome in found if outcome and outcome.status == "returned")
    deliberate = sum(0.4 for outcome in found if outcome and outcome.error and outcome.error.line in raises)
    return (good + deliberate) / PROBES


def _distinct(outcomes: dict[str, Outcome], place: int) -> int:
    found = [outcomes.get(f"{place}.{n}") for n in range(PROBES)]
    return len({render(o.value) for o in found if o and o.status == "returned"})


@dataclass(frozen=True)
class _Seen:
    """What the drawn calls did both times, by call text: rendered results, and deliberate exceptions."""

    results: dict[str, str]
    raised: dict[str, str]
    failed: tuple[str, ...]
    unstable: int
    mutates: bool

    @classmethod
    def of(
        cls,
        candidate: Candidate,
        texts: Sequence[str],
        drawn: Sequence[Call],
        ahead: dict[str, Outcome],
        back: dict[str, Outcome],
    ) -> _Seen:
        results: dict[str, str] = {}
        raised: dict[str, str] = {}
        failed: list[str] = []
        unstable, mutates = 0, False
        lines = raise_lines(candidate.code)
        for text, call in zip(texts, drawn, strict=True):
            one, two = ahead.get(call.id), back.get(call.id)
            if one is None or two is None or one.status not in ("returned", "raised"):
                failed.append(text)
            elif _print(one) != _print(two):
                unstable += 1
            elif one.status == "returned":
                changed = _changed(call, one)
                mutates = mutates or bool(changed)
                shown = render(one.value) + changed
                if len(shown) <= MAX_RESULT and " at 0x" not in shown:
                    results[text] = shown
            elif one.error and one.error.line in lines:
                raised[text] = one.error.type
            else:
                failed.append(text)
        return cls(results, raised, tuple(failed), unstable, mutates)

    def pool(self) -> tuple[str, ...]:
        """Return the calls to keep: no one result may make up more than its share."""
        share = 0.5 if set(self.results.values()) == {"True", "False"} else SAME_RESULT
        most = max(3, int(len(self.results) * share))
        kept: list[str] = []
        taken: Counter[str] = Counter()
        for text, shown in self.results.items():
            if taken[shown] < most:
                taken[shown] += 1
                kept.append(text)
        return tuple(kept[:POOL])

    def raising(self) -> tuple[Call, ...]:
        """Return up to two calls that raise on purpose, of different kinds where there are."""
        by_type = {kind: text for text, kind in reversed(self.raised.items())}
        texts = list(dict.fromkeys([*by_type.values(), *self.raised]))[:2]
        return tuple(Call(id=f"r{place}", call=text) for place, text in enumerate(texts, 1))

    def exceptions(self) -> tuple[str, ...]:
        return tuple(sorted(set(self.raised.values())))


def _print(outcome: Outcome) -> tuple[str, object, str]:
    """Return what must be the same in both runs; a message may hold an address."""
    return outcome.status, [outcome.value, outcome.after], outcome.error.type if outcome.error else ""


def _changed(call: Call, outcome: Outcome) -> str:
    """Return what became of the containers, when that is not what went in."""
    lines = [node for node in ast.parse(call.setup or "").body if isinstance(node, ast.Assign)]
    given = {ast.unparse(node.targets[0]): ast.unparse(node.value) for node in lines}
    after = {name: render(value) for name, value in outcome.after.items()}
    return "".join(f" {name}={text}" for name, text in after.items() if read(text) != read(given.get(name, "")))


def _judge(pool: Sequence[str], seen: _Seen) -> None:
    """Raise NotUsable unless the inputs found tell right programs from wrong ones."""
    if seen.unstable > 2:
        raise NotUsable("results depend on earlier calls or on the hash seed")
    if len(pool) < MIN_INPUTS:
        raise NotUsable("too few valid inputs")
    results = Counter(seen.results[text] for text in pool)
    predicate = set(results) == {"True", "False"} and min(results.values()) >= MIN_OF_EACH
    if len(results) < MIN_RESULTS and not predicate:
        raise NotUsable("results hardly differ")
    echoed = sum(f"({seen.results[text]})" in text or f"({seen.results[text]}," in text for text in pool)
    if echoed > 0.8 * len(pool):
        raise NotUsable("mostly returns its argument")


def _without_failing(contract: Contract, candidate: Candidate, seen: _Seen) -> Contract:
    """Drop optional parameters with which most calls failed."""
    kept = []
    for parameter in contract.parameters:
        failed = sum(passes(text, candidate.signature, parameter.name) for text in seen.failed)
        worked = sum(passes(text, candidate.signature, parameter.name) for text in seen.results)
        drop = parameter.optional and failed > worked
        kept.append(parameter.model_copy(update={"kinds": ()}) if drop else parameter)
    notes = "\n".join(map(in_words, kept))
    return contract.model_copy(update={"parameters": tuple(kept), "notes": notes})


def _plain_calls(candidate: Candidate) -> list[str]:
    return [text for text in candidate.seen if text.startswith(f"{candidate.entry_point}(")]


def _evidence(candidate: Candidate, guesses: Sequence[Guess]) -> list[Evidence]:
    found: list[Evidence] = []
    if any(g.annotated for g in guesses):
        found.append("annotations")
    if any(case.origin == "doctest" for case in candidate.cases):
        found.append("doctests")
    if any(case.origin == "given" for case in candidate.cases):
        found.append("tests")
    if set(candidate.seen) - {case.call for case in candidate.cases}:
        found.append("call_sites")
    return [*found, "probing"]


def _source(candidate: Candidate, candidates: Candidates) -> Source:
    return Source(
        kind="python",
        package=candidates.package,
        qualname=f"{candidate.module}.{candidate.entry_point}",
        file=candidate.file,
        line=candidate.line,
        licence=candidate.licence or candidates.licence,
        version=candidates.version,
    )
