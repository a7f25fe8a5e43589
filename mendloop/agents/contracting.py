"""Input contracts of stated problems: a predicate that a model proposes, held against known inputs in the sandbox.

Programs are compared on calls that `valid_calls` let through, and on no others. So a crash outside the contract is no
failure: such an input is never run. A crash on an input that was let through happened inside the contract, and counts.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from mendloop.agents.prompted.asking import Voice
from mendloop.agents.prompted.sections import Malformed, program_in
from mendloop.agents.unanswered import Unanswered
from mendloop.executions import Call, Execution, Limits, Request
from mendloop.judgement.calls import bound, call_text, layout
from mendloop.judgement.envelope import Envelope, within
from mendloop.records import Contract, Evidence, Problem
from mendloop.tools.bench import Bench

PREDICATE = "valid"
LIMITS = Limits(cpu_s=1.0, wall_s=5.0)
"""What a predicate may use for one call; it only looks at its arguments."""
HASH_SEEDS = (0, 1)
"""A predicate says the same under both."""
MAX_PREDICATE = 4_000
UNEVALUATED = "from __future__ import annotations"
"""Goes before a predicate: annotations that it copied from the statement may name what it does not import."""


async def contract_of(voice: Voice, bench: Bench, problem: Problem, known: Sequence[str]) -> Contract:
    """Ask a model for a predicate over the problem's inputs, and return the contract with it if it holds.

    The model sees the statement alone. The predicate must return True for every example of the problem and every call
    of `known` (texts of valid calls), twice alike. One that does not is dropped, and `notes` say why; so they do where
    the model gives none that can be used.
    """
    facts = {"statement": problem.statement, "parameters": _parameters(problem.signature)}
    proposing = bench.as_role("proposer")
    try:
        predicate = await voice.ask(
            proposing, "contract", "contract", facts, lambda text: predicate_in(text, problem.signature)
        )
    except Unanswered as unanswered:
        return _without(problem.contract, str(unanswered))
    examples = [case.call for case in problem.examples if case.call and not case.setup]
    calls = [call for call in dict.fromkeys([*examples, *known]) if bound(problem.signature, call) is not None]
    if wrong := await _objection(proposing, problem.signature, predicate, calls):
        return _without(problem.contract, wrong)
    added: tuple[Evidence, ...] = ("proposed", "examples") if calls else ("proposed",)
    evidence = tuple(dict.fromkeys((*problem.contract.evidence, *added)))
    return problem.contract.model_copy(update={"predicate": predicate, "evidence": evidence})


async def valid_calls(
    bench: Bench, slot: str, contract: Contract, envelope: Envelope, calls: Sequence[str]
) -> tuple[str, ...]:
    """Return the calls that are within the envelope and that the contract's predicate accepts, in their order.

    The predicate runs in the sandbox. One that raises on a call, runs out of its limits or is not seen to return True
    says "not valid". Calls with other than literal arguments are not valid, as nothing is known about them.
    """
    inside = [call for call in calls if within(envelope, call)]
    if not contract.predicate or not inside:
        return tuple(inside)
    execution = await bench.run(slot, _asking(envelope.signature, contract.predicate, inside))
    accepted = _accepted(execution)
    return tuple(call for place, call in enumerate(inside) if accepted.get(f"v{place}", False))


def predicate_in(text: str, signature: str) -> str:
    """Return the program of an answer that defines `valid` with the parameters of a signature.

    Raises Malformed where there is none.
    """
    program = program_in(text, PREDICATE)
    if len(program) > MAX_PREDICATE:
        raise Malformed(f"`valid` is longer than {MAX_PREDICATE} characters")
    defined = [node for node in ast.parse(program).body if isinstance(node, ast.FunctionDef) and node.name == PREDICATE]
    own = layout(f"{PREDICATE}({ast.unparse(defined[-1].args)})")
    if [(slot.name, slot.how) for slot in own] != [(slot.name, slot.how) for slot in layout(signature)]:
        raise Malformed(f"`valid` does not take the parameters ({_parameters(signature)})")
    return program


async def _objection(bench: Bench, signature: str, predicate: str, calls: Sequence[str]) -> str:
    """Return why a predicate cannot be used, empty where it can."""
    for seed in HASH_SEEDS if calls else ():
        request = _asking(signature, predicate, calls).model_copy(update={"hash_seed": seed, "give_up": True})
        execution = await bench.run(f"contract/known{seed}", request)
        accepted = _accepted(execution)
        refused = [call for place, call in enumerate(calls) if not accepted.get(f"v{place}", False)]
        if refused:
            return f"it does not accept {len(refused)} of {len(calls)} known inputs, the first of them `{refused[0]}`"
    return ""


def _asking(signature: str, predicate: str, calls: Sequence[str]) -> Request:
    """Return the request that asks a predicate about calls; call n has the id `vn`."""
    asked: list[Call] = []
    for place, call in enumerate(calls):
        binding = bound(signature, call)
        assert binding is not None  # the calls were read before
        asked.append(Call(id=f"v{place}", call=call_text(signature, PREDICATE, binding)))
    return Request(code=f"{UNEVALUATED}\n{predicate}", calls=tuple(asked), limits=LIMITS)


def _accepted(execution: Execution) -> dict[str, bool]:
    return {outcome.id: outcome.status == "returned" and outcome.value is True for outcome in execution.outcomes}


def _parameters(signature: str) -> str:
    """Return the parameters of a signature with their defaults and without their types."""
    node = ast.parse(f"def {signature}: pass").body[0]
    assert isinstance(node, ast.FunctionDef)
    for argument in ast.walk(node.args):
        if isinstance(argument, ast.arg):
            argument.annotation = None
    return ast.unparse(node.args)


def _without(contract: Contract, why: str) -> Contract:
    notes = f"{contract.notes}\n" if contract.notes else ""
    return contract.model_copy(update={"predicate": "", "notes": f"{notes}No predicate: {why}."})
