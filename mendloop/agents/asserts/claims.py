"""What an assert says about a call, and which of several may stand."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from mendloop.agents.asserts.constants import MAX_SIZE, Constant, constant
from mendloop.agents.asserts.expressions import free_names
from mendloop.agents.asserts.forms import last_name, near
from mendloop.agents.asserts.reasons import (
    DISAGREE,
    DUPLICATE,
    ELSEWHERE,
    NO_LITERAL,
    ON_CONSTANT,
    TOO_LONG,
    WITH_ITSELF,
    RefusedError,
)
from mendloop.agents.procedural.purity import BUILTINS
from mendloop.records import Case, Origin
from mendloop.tools.equality import equal
from mendloop.tools.values import decode, parse_expected


@dataclass(frozen=True)
class Claim:
    """What one assert says about one call. With `truth` only the truth of the value of `base` is expected."""

    call: str
    base: str
    setup: str | None
    expect: str | None = None
    raises: str | None = None
    check: str | None = None
    tolerance: float | None = None
    after: tuple[str, str] | None = None
    truth: bool = False

    def case(self, ident: str, origin: Origin) -> Case:
        after = dict([self.after]) if self.after else None
        return Case(
            id=ident,
            call=self.call,
            expect=self.expect,
            raises=self.raises,
            check=self.check,
            setup=self.setup,
            after=after,
            tolerance=self.tolerance,
            origin=origin,
        )


# --- what a test says ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Said:
    expect: str | None = None
    check: str | None = None
    tolerance: float | None = None
    truth: bool = False


def said_of(test: ast.expr) -> Said:
    """Return what a test says about `result`; raises RefusedError when it says nothing that can be judged."""
    if _is_result(test):
        return Said(expect="True", truth=True)
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not) and _is_result(test.operand):
        return Said(expect="False", truth=True)
    close = near(test)
    if close is not None and _is_result(close.judged):
        expected = constant(close.expect)
        if expected is not None and close.tolerance is not None:
            return Said(expect=expected.literal, tolerance=close.tolerance)
        if expected is not None and isinstance(test, ast.Call) and isinstance(expected.value, int | float):
            return Said(check=f"abs(result - {expected.literal}) <= {close.bound!r}")
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq | ast.Is):
        for judged, other in ((test.left, test.comparators[0]), (test.comparators[0], test.left)):
            expected = constant(other) if _is_result(judged) else None
            if expected is not None:
                return Said(expect=expected.literal, tolerance=expected.tolerance)
    return Said(check=_checked(test))


def _checked(test: ast.expr) -> str:
    """Return a test as an expression on `result`."""
    if isinstance(test, ast.Call) and last_name(test.func) == "isnan" and len(test.args) == 1:
        test = ast.Compare(test.args[0], [ast.NotEq()], [test.args[0]])
    elif is_reflexive(test):
        raise RefusedError(WITH_ITSELF)
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.Or):
        alternatives = [constant(part) for part in test.values]
        if any(found is not None and found.value for found in alternatives):
            raise RefusedError(ON_CONSTANT)
    if _is_huge(test):
        raise RefusedError(TOO_LONG)
    unknown = free_names(test) - BUILTINS - {"result", "nan", "inf"}
    if unknown:
        equal_to = isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.Eq | ast.Is)
        sides = [test.left, *test.comparators] if isinstance(test, ast.Compare) else []
        raise RefusedError(NO_LITERAL if equal_to and any(map(_is_result, sides)) else ELSEWHERE)
    text = ast.unparse(test)
    if len(text) > MAX_SIZE:
        raise RefusedError(TOO_LONG)
    return text


def equation(test: ast.expr) -> tuple[ast.expr, Constant] | None:
    """Return what an equation says of an expression, and the constant that it shall equal."""
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq):
        for side, other in ((test.left, test.comparators[0]), (test.comparators[0], test.left)):
            if (expected := constant(other)) is not None:
                return side, expected
    return None


def _is_huge(test: ast.expr) -> bool:
    """Tell whether `result` is compared with an arithmetic constant that is too large to be worked out."""
    sides = [test.left, *test.comparators] if isinstance(test, ast.Compare) else []
    return any(
        isinstance(side, ast.BinOp | ast.List | ast.Tuple)
        and constant(side) is None
        and not free_names(side)
        and any(isinstance(inner, ast.Pow | ast.LShift | ast.Mult) for inner in ast.walk(side))
        for side in sides
    )


def _is_result(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "result"


def is_reflexive(test: ast.expr) -> bool:
    """Tell whether a comparison has the same thing, made by the function, on both sides."""
    if not isinstance(test, ast.Compare):
        return False
    sides = [ast.unparse(side) for side in (test.left, *test.comparators)]
    return any(a == b and "result" in a for a, b in pairwise(sides))


# --- claims that agree -----------------------------------------------------------------------------------------------


def agreeing(claims: Sequence[Claim], refused: Counter[str]) -> list[Claim]:
    """Return the claims without repeats, and without those whose call is claimed to do two different things."""
    groups: dict[tuple[str | None, str], list[Claim]] = {}
    for claim in claims:
        group = groups.setdefault((claim.setup, claim.base), [])
        if any(_same(claim, other) for other in group[:50]):
            refused[DUPLICATE] += 1
        else:
            group.append(claim)
    kept: list[Claim] = []
    for group in groups.values():
        if _disagree(group):
            refused[DISAGREE] += len(group)
        else:
            kept += group
    order = {id(claim): position for position, claim in enumerate(claims)}
    return sorted(kept, key=lambda claim: order[id(claim)])


def _same(a: Claim, b: Claim) -> bool:
    if (a.call, a.raises, a.check, a.after) != (b.call, b.raises, b.check, b.after):
        return False
    return a.expect == b.expect or (a.expect is not None and b.expect is not None and _equal(a, b))


def _equal(a: Claim, b: Claim) -> bool:
    tolerance = max(a.tolerance or 0.0, b.tolerance or 0.0) or None
    return equal(parse_expected(a.expect or ""), parse_expected(b.expect or ""), tolerance)


def _disagree(group: Sequence[Claim]) -> bool:
    raised = {claim.raises for claim in group if claim.raises}
    values = [claim for claim in group if claim.expect is not None and not claim.truth]
    truths = {claim.expect == "True" for claim in group if claim.truth}
    truths |= {bool(decode(parse_expected(claim.expect or ""))) for claim in values}
    after = {claim.after[0]: claim.after[1] for claim in group if claim.after}
    changed = any(claim.after and after[claim.after[0]] != claim.after[1] for claim in group)
    different = any(not _equal(values[0], claim) for claim in values[1:])
    returned = len(values) + len(truths) + sum(claim.check is not None for claim in group)
    return changed or different or len(raised) > 1 or len(truths) > 1 or bool(raised and returned)
