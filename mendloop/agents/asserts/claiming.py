"""What one assert of a test text claims about the entry point: the call, what it needs, and what has to hold of it.

Nothing is executed. What cannot be claimed raises `RefusedError` with the reason.
"""

from __future__ import annotations

import ast

from mendloop.agents.asserts.claims import Claim, equation, is_reflexive, said_of
from mendloop.agents.asserts.constants import MAX_SIZE, constant
from mendloop.agents.asserts.expressions import bound_names, expression, free_names, rebuilt
from mendloop.agents.asserts.forms import last_name
from mendloop.agents.asserts.reasons import (
    COMPREHENSION,
    CONDITION,
    ELSEWHERE,
    NO_PARSE,
    SEVERAL_RAISE,
    TOO_LONG,
    UNBOUND,
    WITH_ITSELF,
    RefusedError,
)
from mendloop.agents.asserts.scopes import Scope
from mendloop.agents.asserts.statements import calls_in, is_call
from mendloop.agents.procedural.purity import BUILTINS

_MAX_CALLS = 8


def claim_about_calls(node: ast.expr, position: int, entry: str, scope: Scope) -> Claim:
    """Return the claim of a test in which the entry point is called: what holds of the value of its calls."""
    calls: dict[str, ast.expr] = {}
    hidden = bound_names(node)
    for call in calls_in(node, scope):
        if hidden & free_names(call):
            raise RefusedError(COMPREHENSION)
        calls.setdefault(ast.unparse(call), call)
    if not calls or len(calls) > _MAX_CALLS:
        raise RefusedError(COMPREHENSION if not calls else TOO_LONG)
    if "result" in free_names(node):
        raise RefusedError(UNBOUND)
    single = len(calls) == 1
    order = list(calls)

    def lifted(inner: ast.expr) -> ast.expr | None:
        if not is_call(inner, entry):
            return None
        result = ast.Name("result", ast.Load())
        at = order.index(ast.unparse(inner))
        return result if single else ast.Subscript(result, ast.Constant(at), ast.Load())

    test = rebuilt(node, lifted)
    made = calls[order[0]] if single else ast.Tuple(list(calls.values()), ast.Load())
    if is_reflexive(test):
        raise RefusedError(WITH_ITSELF)
    text, setup = _placed(made, position, scope)
    if setup and "class " in setup and (side := equation(node)):
        # Objects of the test's own classes cannot come out: what the test reads of them can.
        read, _ = _placed(side[0], position, scope)
        return Claim(read, read, setup, expect=side[1].literal, tolerance=side[1].tolerance)
    said = said_of(test)
    judged = f"bool({text})" if said.truth else text
    return Claim(judged, text, setup, expect=said.expect, check=said.check, tolerance=said.tolerance, truth=said.truth)


def claim_after_call(test: ast.expr, scope: Scope) -> Claim | None:
    """Return the claim of `assert xs == [1, 3]` after a call on the variable xs; None for another assert."""
    if not isinstance(test, ast.Compare) or len(test.ops) != 1 or not isinstance(test.ops[0], ast.Eq | ast.Is):
        return None
    for variable, other in ((test.left, test.comparators[0]), (test.comparators[0], test.left)):
        made = scope.call_on(variable.id) if isinstance(variable, ast.Name) else None
        expected = constant(scope.resolved(other)[0]) if made else None
        if made is None or expected is None or not isinstance(variable, ast.Name):
            continue
        if variable.id in scope.bound and scope.calls_entry(scope.bound[variable.id].node):
            continue
        node, _, _ = scope.resolved(made.call, keep={variable.id})
        call, setup = _placed(node, made.position, scope)
        if setup is None:
            return None
        after = (variable.id, expected.literal)
        return Claim(call, call, setup, check="True", after=after, tolerance=expected.tolerance)
    return None


def claim_of_raising(statement: ast.stmt, name: str, scope: Scope) -> Claim:
    """Return the claim that the one call in a statement raises the exception of that name."""
    made = calls_in(statement, scope)
    if not isinstance(statement, ast.Expr | ast.Assign | ast.Assert):
        raise RefusedError(CONDITION)
    if len(made) != 1:
        raise RefusedError(SEVERAL_RAISE)
    whole = statement.value if isinstance(statement, ast.Expr) else made[0]
    if not (isinstance(whole, ast.Call) and last_name(whole.func) in BUILTINS):
        whole = made[0]
    node, _, position = scope.resolved(whole)
    call, setup = _placed(node, position, scope)
    return Claim(call, call, setup, raises=name)


def _placed(node: ast.expr, position: int, scope: Scope) -> tuple[str, str | None]:
    """Return a call as text with the setup that it needs; raises RefusedError when it needs more than builtins."""
    unknown = scope.unknown(node)
    try:
        setup = scope.setup(unknown, position) if unknown else None
    except RefusedError as reason:
        called = {
            inner.func.id
            for inner in ast.walk(node)
            if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name)
        }
        raise RefusedError(ELSEWHERE if called & unknown else str(reason)) from None
    text = ast.unparse(node)
    if len(text) > MAX_SIZE or len(setup or "") > MAX_SIZE or "\n" in text:
        raise RefusedError(TOO_LONG)
    if expression(text) is None:
        raise RefusedError(NO_PARSE)
    return text, setup
