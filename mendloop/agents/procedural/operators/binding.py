"""Which local names may be read before they are bound."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from mendloop.agents.procedural.operators.walks import FunctionNode, names_loaded, stored, walk_inside

Bound = frozenset[str]


def possibly_unbound(function: FunctionNode) -> set[str]:
    """Return the local names that some path reads unbound, if every `for` loop runs at least once.

    Each nested function is looked at for itself. Parameters count as bound.
    """
    functions = (node for node in ast.walk(function) if isinstance(node, FunctionNode))
    return set[str]().union(*(_unbound_in(each) for each in functions))


def _unbound_in(function: FunctionNode) -> set[str]:
    inside = list(walk_inside(function))
    local = {node.id for node in inside if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    imports = (node for node in inside if isinstance(node, ast.Import | ast.ImportFrom))
    local |= {name for node in imports for name in _imported(node)}
    elsewhere = {name for node in inside if isinstance(node, ast.Global | ast.Nonlocal) for name in node.names}
    parameters = {node.arg for node in ast.walk(function.args) if isinstance(node, ast.arg)}
    missing = set[str]()
    _block(function.body, frozenset(parameters), missing)
    return missing & local - elsewhere


def _imported(node: ast.Import | ast.ImportFrom) -> set[str]:
    return {(alias.asname or alias.name).split(".")[0] for alias in node.names}


def _block(block: Sequence[ast.stmt], bound: Bound, missing: set[str]) -> Bound | None:
    """Return what is bound at the end of a block, or None when no path reaches it; add what was read unbound."""
    for statement in block:
        after = _statement(statement, bound, missing)
        if after is None:
            return None
        bound = after
    return bound


def _statement(node: ast.stmt, bound: Bound, missing: set[str]) -> Bound | None:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return bound | {node.name}
        case ast.Break() | ast.Continue():
            return None
        case ast.Return() | ast.Raise():
            _read([node], bound, missing)
            return None
        case ast.If():
            bound = _read([node.test], bound, missing)
            return _joined([_block(node.body, bound, missing), _block(node.orelse, bound, missing)])
        case ast.For() | ast.AsyncFor():
            bound = _read([node.iter], bound, missing) | stored(node.target)
            return _block(node.orelse, (_block(node.body, bound, missing) or bound), missing) or bound
        case ast.While():
            bound = _read([node.test], bound, missing)
            _block(node.body, bound, missing)
            return _block(node.orelse, bound, missing) or bound
        case ast.With() | ast.AsyncWith():
            bound = _read(node.items, bound, missing)
            return _block(node.body, bound, missing)
        case ast.Try():
            return _try(node, bound, missing)
        case ast.Match():
            bound = _read([node.subject], bound, missing)
            ends = [_block(case.body, bound | _captured(case), missing) for case in node.cases]
            return _joined([*ends, bound])
        case ast.Import() | ast.ImportFrom():
            return bound | _imported(node)
        case _:
            return _read([node], bound, missing)


def _try(node: ast.Try, bound: Bound, missing: set[str]) -> Bound | None:
    body = _block(node.body, bound, missing)
    ends = [body if body is None else _block(node.orelse, body, missing)]
    for handler in node.handlers:
        ends.append(_block(handler.body, bound | {handler.name or ""}, missing))
    joined = _joined(ends)
    final = _block(node.finalbody, joined if joined is not None else bound, missing)
    return None if joined is None else final


def _captured(case: ast.match_case) -> set[str]:
    captures = (node for node in ast.walk(case.pattern) if isinstance(node, ast.MatchAs | ast.MatchStar))
    return {node.name for node in captures if node.name} | stored(case)


def _read(nodes: Iterable[ast.AST], bound: Bound, missing: set[str]) -> Bound:
    for node in nodes:
        seen = list(ast.walk(node))
        loaded = {each.id for each in seen if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load)}
        new = stored(node)
        inner = {name for each in seen if isinstance(each, ast.comprehension) for name in stored(each.target)}
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            missing |= {node.target.id} - bound
        early = any(isinstance(each, ast.NamedExpr) for each in seen)
        late = set[str]().union(*(names_loaded(each) for each in seen if isinstance(each, ast.Lambda)))
        missing |= loaded - bound - inner - late - (new if early else set())
        bound |= new - inner
    return bound


def _joined(ends: Sequence[Bound | None]) -> Bound | None:
    reached = [end for end in ends if end is not None]
    return frozenset.intersection(*reached) if reached else None
