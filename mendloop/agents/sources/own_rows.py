"""Problems in the form of our own: a statement, the function's name, and what else the author says."""

from __future__ import annotations

import ast
import re

from mendloop.agents.asserts.expressions import expression, statements
from mendloop.agents.prompted.proposing import statement_of
from mendloop.agents.sources.given_cases import given_cases
from mendloop.agents.sources.jsonl import JsonRow, RowError, plain_text
from mendloop.agents.sources.stated_rows import Stated, entry_point_in, header_of
from mendloop.agents.sources.worded_examples import worded_examples
from mendloop.records import Case


def from_own(row: JsonRow) -> Stated:
    """Return the problem of a row with a `statement` (or `prompt`) and an `entry_point`. Raises RowError.

    `examples` are asserts or cases; those that the statement does not show are added to it. Without a `signature` the
    one that the statement has is taken, or the parameters are counted in the first example.
    """
    name = entry_point_in(row.text("entry_point"))
    statement = row.text("statement", "prompt").strip()
    examples = _examples(row, name)
    signature = _given_signature(row, name) or _worded_signature(statement, name) or _counted_signature(examples, name)
    if not signature:
        raise RowError("it has no `signature`, and none can be told from its statement and examples")
    named = f"{statement}\n" if name in statement else statement_of(signature, statement, "")
    return Stated(
        id=row.optional("id", "task_id").strip(),
        statement=_with_examples(named, examples, name),
        entry_point=name,
        signature=signature,
        examples=examples,
        concepts=_concepts(row),
    )


def _examples(row: JsonRow, name: str) -> tuple[Case, ...]:
    given = row.values.get("examples")
    if given is None or given == []:
        return ()
    parsed = given_cases(given, name, key="examples", prefix="e")
    if parsed.refused:
        why = ", ".join(f"{count} {reason}" for reason, count in sorted(parsed.refused.items()))
        raise RowError(f"some `examples` cannot be used ({why})")
    return parsed.cases


def _with_examples(statement: str, examples: tuple[Case, ...], name: str) -> str:
    """Return the statement with the examples that it does not show itself."""
    known = {case.call for case in worded_examples(statement, name)}
    told = [
        f"`{case.call}` gives `{case.expect}`"
        for case in examples
        if case.expect is not None and case.setup is None and case.call not in known
    ]
    return f"{statement}\nFor example, {'; '.join(told)}.\n" if told else statement


def _given_signature(row: JsonRow, name: str) -> str:
    text = row.optional("signature").strip().removeprefix("def ").rstrip(" :")
    if not text:
        return ""
    body = statements(f"def {text}: ...") or []
    if len(body) != 1 or not isinstance(body[0], ast.FunctionDef) or body[0].name != name:
        raise RowError(f"its `signature` is no `{name}(parameters)`")
    return header_of(body[0])


def _worded_signature(statement: str, name: str) -> str:
    """Return the signature that a statement shows as `def f(a, b):` or `f(a, b)`, its arguments all names."""
    for found in re.finditer(rf"(?:def +|`){re.escape(name)}\([^`\n]*?\)(?: *-> *[^:`\n]+)?(?=[:`])", statement):
        text = found[0].removeprefix("`").removeprefix("def").strip()
        match statements(f"def {text}: ..."):
            case [ast.FunctionDef() as node]:
                return header_of(node)
    return ""


def _counted_signature(examples: tuple[Case, ...], name: str) -> str:
    for case in examples:
        match expression(case.call or ""):
            case ast.Call(func=ast.Name(id=called), args=args, keywords=keywords) if called == name:
                names = [f"arg{number}" for number in range(1, len(args) + 1)]
                names += [keyword.arg for keyword in keywords if keyword.arg]
                return f"{name}({', '.join(names)})"
    return ""


def _concepts(row: JsonRow) -> tuple[str, ...]:
    given = row.values.get("concepts") or []
    if not isinstance(given, list):
        raise RowError("`concepts` is no list of texts")
    return tuple(plain_text(each) for each in given)
