"""Asking the reference: inputs become cases by executing the real function."""

from __future__ import annotations

import ast
import random
from collections.abc import Collection, Sequence

from mendloop.agents.procedural.guided import compared_constants, guided_calls
from mendloop.agents.procedural.inputs import draw_inputs, observed_call
from mendloop.agents.procedural.item import Item
from mendloop.executions import Call, Limits, Outcome, Request
from mendloop.judgement.calls import parse_arguments
from mendloop.records import Case, Problem
from mendloop.tools.bench import Bench, derive
from mendloop.tools.values import render

SHOWN = 12
HELD_OUT = 16
FURTHER = 24
COMPARED = 40
"""Inputs at constants, and as many drawn ones, on which an accepted program must agree with the reference."""
SUBSTITUTED = 6
"""Working calls in which constants are put."""
MAX_LITERAL = 300
"""Characters of an expected value; a longer one teaches nobody anything."""


def shown_calls(item: Item, problem: Problem, bench: Bench) -> tuple[Call, ...]:
    """Return the inputs of the shown suite: a function of contract, seed and session, known to tester and injector."""
    taken = {case.call for case in problem.examples}
    rng = random.Random(derive(bench.seed, bench.session, "suite/shown"))  # noqa: S311 - sampling, not secrecy
    drawn = [call for call in draw_inputs(item, rng, SHOWN * 2) if call.call not in taken]
    return _isolated(item, drawn[: max(SHOWN - len(problem.examples), SHOWN // 2)])


def held_out_calls(item: Item, problem: Problem, bench: Bench) -> tuple[Call, ...]:
    """Return inputs that neither the shown suite nor the statement has."""
    taken = {case.call for case in problem.examples} | {call.call for call in shown_calls(item, problem, bench)}
    rng = random.Random(derive(bench.seed, bench.session, "suite/held_out"))  # noqa: S311 - sampling, not secrecy
    drawn = [call for call in draw_inputs(item, rng, HELD_OUT * 3) if call.call not in taken]
    return _isolated(item, drawn[:HELD_OUT])


def further_calls(item: Item, bench: Bench, taken: Collection[str | None]) -> tuple[Call, ...]:
    """Return inputs beyond those already taken."""
    rng = random.Random(derive(bench.seed, bench.session, "suite/further"))  # noqa: S311 - sampling, not secrecy
    drawn = [call for call in draw_inputs(item, rng, FURTHER * 3) if call.call not in taken]
    return _isolated(item, drawn[:FURTHER])


def comparing_calls(item: Item, code: str, bench: Bench, taken: Collection[str | None]) -> tuple[Call, ...]:
    """Return inputs on which a program most likely differs from the reference, half of them at constants."""
    rng = random.Random(derive(bench.seed, bench.session, "suite/compare"))  # noqa: S311 - sampling, not secrecy
    known = [text for text in item.pool if parse_arguments(text)]
    constants = dict.fromkeys((*compared_constants(item.code), *compared_constants(code)))
    guided = list(guided_calls(rng.sample(known, min(len(known), SUBSTITUTED)), constants))
    rng.shuffle(guided)
    seen = [observed_call(item.signature, text) or Call(id="", call=text) for text in guided[: COMPARED * 2]]
    drawn = draw_inputs(item, rng, COMPARED * 2)
    chosen: dict[tuple[str | None, str | None], Call] = {}
    for calls in (seen, drawn):
        fresh = [call for call in calls if call.call not in taken and (call.call, call.setup) not in chosen]
        chosen |= {(call.call, call.setup): call for call in fresh[:COMPARED]}
    return _isolated(item, [call.model_copy(update={"id": f"c{n}"}) for n, call in enumerate(chosen.values(), 1)])


def _isolated(item: Item, calls: Sequence[Call]) -> tuple[Call, ...]:
    """Give every input a process of its own where the function could keep state between calls.

    Otherwise a fault that shares state would fail a plain call because of the calls before it, and the case shown to
    the programmer would pass when it is run alone. (Elsewhere such faults are refused by running cases backwards.)
    """
    if not keeps_state(item.code, item.entry_point):
        return tuple(calls)
    return tuple(call.model_copy(update={"isolated": True}) for call in calls)


def keeps_state(code: str, entry_point: str) -> bool:
    """Tell whether a fault could make a function keep state: a parameter with a default is given a fresh container."""
    entry = next(
        node for node in ast.parse(code).body if isinstance(node, ast.FunctionDef) and node.name == entry_point
    )
    arguments = [*entry.args.posonlyargs, *entry.args.args]
    optional = {each.arg for each in arguments[len(arguments) - len(entry.args.defaults) :]}
    optional |= {each.arg for each, value in zip(entry.args.kwonlyargs, entry.args.kw_defaults, strict=True) if value}
    return any(
        isinstance(target, ast.Name) and target.id in optional and _makes_container(node.value)
        for node in ast.walk(entry)
        if isinstance(node, ast.Assign)
        for target in node.targets
    )


def _makes_container(value: ast.expr) -> bool:
    if isinstance(value, ast.Call):
        return isinstance(value.func, ast.Name) and value.func.id in {"list", "dict", "set", "defaultdict", "deque"}
    return isinstance(value, ast.List | ast.Dict | ast.Set)


async def ask(
    bench: Bench, slot: str, item: Item, calls: Sequence[Call], limits: Limits, prefix: str, *, twice: bool = True
) -> tuple[Case, ...]:
    """Return the cases that the executed reference gives for these inputs.

    It is run twice, the second time backwards under another hash seed; an input whose outcome then differs, cannot be
    written down, or is too long is left out. Once is enough for inputs that somebody else has run or runs both ways.
    """
    ahead = await bench.run(f"{slot}/ahead", Request(code=item.code, calls=tuple(calls), limits=limits))
    second: dict[str, Outcome] = {}
    if twice:
        backwards = Request(code=item.code, calls=tuple(reversed(calls)), limits=limits, hash_seed=1)
        back = await bench.run(f"{slot}/back", backwards)
        second = {outcome.id: outcome for outcome in back.outcomes}
    cases: list[Case] = []
    for call, outcome in zip(calls, ahead.outcomes, strict=False):
        case = case_of(call, outcome, f"{prefix}{len(cases) + 1}")
        if case is not None and case == case_of(call, second.get(call.id, outcome), case.id):
            cases.append(case)
    return tuple(cases)


def case_of(call: Call, outcome: Outcome, case_id: str) -> Case | None:
    """Return the case that expects what the reference did, or None when that cannot be expected."""
    base = Case(id=case_id, call=call.call, check="True", setup=call.setup, isolated=call.isolated, origin="reference")
    if outcome.status == "raised" and outcome.error is not None:
        name = outcome.error.type if outcome.error.builtin else f"{outcome.error.type}({outcome.error.base})"
        return base.model_copy(update={"check": None, "raises": name})
    if outcome.status != "returned":
        return None
    after = {name: render(value) for name, value in outcome.after.items()}
    texts = {"expect": render(outcome.value), "after": after or None}
    if any(len(text) > MAX_LITERAL for text in (texts["expect"], *after.values()) if isinstance(text, str)):
        return None
    return base.model_copy(update={"check": None, **texts})
