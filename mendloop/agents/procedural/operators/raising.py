"""Exceptions: the wrong class, the wrong handler, or none at all."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator

from mendloop.agents.procedural.operators.edits import Edit, Operator, quote
from mendloop.agents.procedural.operators.scope import Scope

_RAISED = {
    "ValueError": "TypeError",
    "TypeError": "ValueError",
    "KeyError": "IndexError",
    "IndexError": "KeyError",
    "AttributeError": "TypeError",
    "OverflowError": "ValueError",
    "ZeroDivisionError": "ValueError",
    "NotImplementedError": "ValueError",
    "RuntimeError": "ValueError",
    "LookupError": "ValueError",
    "OSError": "ValueError",
    "StopIteration": "ValueError",
}
_CAUGHT = {
    "KeyError": "IndexError",
    "IndexError": "KeyError",
    "ValueError": "TypeError",
    "TypeError": "ValueError",
    "AttributeError": "KeyError",
    "StopIteration": "IndexError",
    "ZeroDivisionError": "OverflowError",
    "OverflowError": "ZeroDivisionError",
    "UnicodeError": "TypeError",
    "LookupError": "ValueError",
}


def wrong_exception(scope: Scope) -> Iterator[Edit]:
    """`raise TypeError` for `raise ValueError` and the like."""
    for node in scope.nodes(ast.Raise):
        name = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        if isinstance(name, ast.Name) and name.id not in scope.bound_before(node):
            after = _RAISED.get(name.id, None if hasattr(builtins, name.id) else "ValueError")
            if after and name.id[:1].isupper():
                yield scope.replace(name, after, f"`{after}` is raised where `{name.id}` belongs.")


def none_for_exception(scope: Scope) -> Iterator[Edit]:
    """`return None` where an exception should be raised."""
    for node in scope.nodes(ast.Raise):
        if scope.owner_of(node) is scope.function and scope.text.owns_lines(node):
            before = quote(scope.source(node))
            yield scope.replace(
                node, "return None", f"None is returned where an exception should be raised: it was {before}."
            )


def wrong_handler(scope: Scope) -> Iterator[Edit]:
    """`except IndexError` for `except KeyError` and the like: the exception escapes."""
    for handler in scope.nodes(ast.ExceptHandler):
        caught = handler.type
        if isinstance(caught, ast.Name) and scope.may_edit(caught):
            if after := _CAUGHT.get(caught.id):
                yield scope.replace(caught, after, f"The handler catches `{after}`, so that `{caught.id}` escapes.")
        elif isinstance(caught, ast.Tuple) and len(caught.elts) >= 2 and scope.may_edit(caught):
            kept, lost = scope.source(caught.elts[0]), scope.source(caught.elts[1])
            yield scope.replace(caught, kept, f"The handler catches only {quote(kept)}, so that {quote(lost)} escapes.")


OPERATORS = (
    Operator("wrong-exception", "wrong_exception", wrong_exception),
    Operator("none-for-exception", "swallowed_exception", none_for_exception),
    Operator("wrong-handler", "wrong_exception", wrong_handler),
)
