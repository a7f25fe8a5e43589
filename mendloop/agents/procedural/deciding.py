"""Which of two lines decides a value: the one that calls, or the one that returns."""

from __future__ import annotations

import ast

from mendloop.agents.procedural.code_lines import Node


def decides(node: Node | None) -> bool:
    """Return whether a line returns or yields something that it computes, and not just a name."""
    match node:
        case ast.Return(value=value) | ast.Expr(value=ast.Yield(value=value)):
            return not isinstance(value, ast.Name | None)
        case ast.Raise():
            return True
    return False


def passes_on(node: Node | None) -> bool:
    """Return whether a line hands the result of one call on as it is, so that the call alone can be wrong."""
    match node:
        case ast.Return(value=value) | ast.Assign(value=value) | ast.Expr(value=value) | ast.AnnAssign(value=value):
            return isinstance(value, ast.Call | ast.YieldFrom)
        case ast.For(iter=value) | ast.If(test=value) | ast.While(test=value):
            return isinstance(value, ast.Call)
    return False
