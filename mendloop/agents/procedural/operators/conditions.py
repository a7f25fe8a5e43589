"""Conditions that decide wrongly."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from mendloop.agents.procedural.operators.edits import Edit, Operator, quote
from mendloop.agents.procedural.operators.scope import Scope
from mendloop.agents.procedural.operators.walks import is_call
from mendloop.agents.procedural.spans import Span

_TIGHT_ENOUGH = (ast.Name, ast.Attribute, ast.Call, ast.Subscript, ast.Compare, ast.UnaryOp, ast.Constant)


def negated_condition(scope: Scope) -> Iterator[Edit]:
    """The branch is taken when it should not be; a single comparison is left to the operators for comparisons."""
    for test in _tests(scope):
        before = scope.source(test)
        if isinstance(test, ast.Compare) and len(test.ops) == 1:
            continue
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            after = scope.operand(test.operand, test)
        else:
            after = f"not {before}" if isinstance(test, _TIGHT_ENOUGH) else f"not ({before})"
        yield scope.replace(test, after, f"The condition is negated: it was {quote(before)}.")


def _tests(scope: Scope) -> Iterator[ast.expr]:
    branches: list[ast.If | ast.IfExp] = [*scope.nodes(ast.If), *scope.nodes(ast.IfExp)]
    filters = (test for node in scope.nodes(ast.comprehension) for test in node.ifs)
    yield from (test for test in (*(node.test for node in branches), *filters) if scope.may_edit(test))


def boolean_mix(scope: Scope) -> Iterator[Edit]:
    """`and` for `or`, and the other way."""
    for node in scope.nodes(ast.BoolOp):
        before, after = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        for left, right in zip(node.values, node.values[1:], strict=False):
            span = scope.text.operator(left, right)
            joined = f"{scope.source(left)} {after} {scope.source(right)}"
            yield scope.replace_span(span, after, f"{quote(joined)} should join its parts with `{before}`.")


def lost_condition(scope: Scope) -> Iterator[Edit]:
    """One part of an `and` or `or` is gone."""
    for node in scope.nodes(ast.BoolOp):
        word = "and" if isinstance(node.op, ast.And) else "or"
        whole = scope.text.span(node)
        signs = [scope.text.operator(*pair) for pair in zip(node.values, node.values[1:], strict=False)]
        kept_before = scope.text.trimmed(whole.start, signs[-1].start).end
        lost = scope.source(node.values[-1])
        summary = f"The condition no longer asks for {quote(f'{word} {lost}')}."
        yield scope.replace_span(Span(kept_before, whole.end), "", summary)
        kept_from = scope.text.trimmed(signs[0].end, whole.end).start
        summary = f"The condition no longer asks for {quote(f'{scope.source(node.values[0])} {word}')}."
        yield scope.replace_span(Span(whole.start, kept_from), "", summary)


def lost_filter(scope: Scope) -> Iterator[Edit]:
    """A comprehension that takes everything."""
    for node in scope.nodes(ast.comprehension):
        for test in node.ifs[-1:]:
            start = scope.text.span(node.iter).end if len(node.ifs) == 1 else scope.text.span(node.ifs[-2]).end
            gap = scope.text.without_comments(start, scope.text.span(test).start)
            word = start + gap.rindex("if")
            begin = scope.text.trimmed(start, word).end
            summary = f"The comprehension no longer filters with {quote('if ' + scope.source(test))}."
            yield scope.replace_span(Span(begin, scope.text.span(test).end), "", summary)


def swapped_choice(scope: Scope) -> Iterator[Edit]:
    """`b if c else a` for `a if c else b`."""
    for node in scope.nodes(ast.IfExp):
        yes, test, no = (scope.source(part) for part in (node.body, node.test, node.orelse))
        summary = f"The two results of the choice {quote(scope.source(node))} are swapped."
        yield scope.replace(node, f"{no} if {test} else {yes}", summary)


def narrowed_type(scope: Scope) -> Iterator[Edit]:
    """`isinstance(x, int)` for `isinstance(x, (int, float))`."""
    for call in scope.nodes(ast.Call):
        if is_call(call, "isinstance") and len(call.args) == 2 and isinstance(call.args[1], ast.Tuple):
            types = call.args[1]
            if len(types.elts) >= 2 and scope.may_edit(types):
                after = scope.source(types.elts[0])
                summary = f"Only {quote(after)} passes the type check: it was {quote(scope.source(types))}."
                yield scope.replace(types, after, summary)


OPERATORS = (
    Operator("swapped-choice", "negated_condition", swapped_choice),
    Operator("boolean-mix", "boolean_mix", boolean_mix),
    Operator("lost-condition", "boolean_mix", lost_condition),
    Operator("lost-filter", "lost_branch", lost_filter),
    Operator("narrowed-type", "type_mix", narrowed_type),
    Operator("negated-condition", "negated_condition", negated_condition),
)
