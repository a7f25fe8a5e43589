"""Injected faults: every realistic way in which one function could have been written wrongly, as edits of its text.

A fault is a span of the reference and the text that stands there instead. Formatting and comments of the real code
stay, faults that do not overlap compose, and undoing one of them is applying the others.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, islice, pairwise, zip_longest
from types import CodeType

from mendloop.agents.procedural.operators.binding import possibly_unbound
from mendloop.agents.procedural.operators.edits import Edit, Operator
from mendloop.agents.procedural.operators.registry import OPERATORS
from mendloop.agents.procedural.operators.scope import Scope
from mendloop.agents.procedural.operators.walks import FunctionNode, names_loaded
from mendloop.agents.procedural.operators.zones import called_in_while, grows_while_iterating
from mendloop.agents.procedural.spans import SourceText, Span
from mendloop.frozen import digest
from mendloop.records import Fault

MOST_FAULTS = 48
MOST_PER_OPERATOR = 8


@lru_cache(maxsize=512)
def propose_faults(code: str, entry_point: str, *, endless: bool = False) -> tuple[Fault, ...]:
    """Return the faults that the operators find in a top-level function and in the helpers it calls by name.

    At most `MOST_FAULTS`, shared fairly between the operators, in text order, the same ones at every call. Each gives
    a text that compiles to another program; no two give the same text. Docstrings, annotations, messages and names of
    parameters stay as they are, and nothing that decides whether a `while` loop ends is touched, but with `endless`.

    Raises SyntaxError when `code` does not parse, ValueError when it has no top-level function `entry_point`.
    """
    with warnings.catch_warnings():
        # The code is somebody else's: its invalid escapes and the like are not ours to report.
        warnings.simplefilter("ignore")
        places = _places(code, entry_point, endless)
        kept = list(_fair_choice(places))
    return tuple(sorted(kept, key=lambda fault: (fault.start, fault.end, fault.id)))


def apply_faults(code: str, faults: Sequence[Fault]) -> str:
    """Return the reference with these faults in it; their order does not matter.

    Raises ValueError when two of them overlap, or when one was not made for this text.
    """
    ordered = sorted(faults, key=lambda fault: fault.start, reverse=True)
    for later, earlier in pairwise(ordered):
        if overlaps(earlier, later):
            raise ValueError(f"faults {earlier.id} and {later.id} overlap at line {later.line}")
    for fault in ordered:
        if code[fault.start : fault.end] != fault.before:
            raise ValueError(f"fault {fault.id} does not belong to this text: line {fault.line} differs")
        code = code[: fault.start] + fault.after + code[fault.end :]
    return code


def overlaps(first: Fault, second: Fault) -> bool:
    """Return whether two faults share a character of the reference."""
    return first.start < second.end and second.start < first.end


def compatible(code: str, faults: Sequence[Fault]) -> bool:
    """Return whether faults can stand together: none overlap, and the text still compiles."""
    if any(overlaps(one, other) for index, one in enumerate(faults) for other in faults[index + 1 :]):
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = _parsed(apply_faults(code, faults))
        return tree is not None and _compiled(tree) is not None


def lines_of(fault: Fault) -> range:
    """Return the 1-based lines of the reference that a fault replaces."""
    blank = len(fault.before) - len(fault.before.lstrip())
    first = fault.line - fault.before[:blank].count("\n")
    return range(first, first + fault.before.rstrip("\n").count("\n") + 1)


# --- where to look ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Place:
    """One function that may get faults: its text alone is compiled, so that long files cost no more."""

    scope: Scope
    span: Span
    helper: str
    program: CodeType
    growing: frozenset[str]
    unbound: frozenset[str]


def _places(code: str, entry_point: str, endless: bool) -> list[_Place]:
    tree = ast.parse(code)
    functions = {node.name: node for node in tree.body if isinstance(node, FunctionNode)}
    if entry_point not in functions:
        raise ValueError(f"no top-level function {entry_point!r} in this code")
    text = SourceText(code)
    names = _called_functions(functions, entry_point)
    looped = set[str]() if endless else set[str]().union(*(called_in_while(functions[name]) for name in names))
    chosen = [name for name in names if name == entry_point or name not in looped]
    return [_place(text, functions[name], "" if name == entry_point else name, endless) for name in chosen]


def _called_functions(functions: dict[str, FunctionNode], entry_point: str) -> list[str]:
    found = [entry_point]
    for name in found:
        found += [each for each in functions if each in names_loaded(functions[name]) and each not in found]
    return found


def _place(text: SourceText, function: FunctionNode, helper: str, endless: bool) -> _Place:
    assert function.end_lineno is not None
    first = min([function.lineno, *(decorator.lineno for decorator in function.decorator_list)])
    span = text.lines(first, function.end_lineno)
    program = compile(text.code[slice(*span)], "<reference>", "exec", dont_inherit=True)
    scope = Scope(text, function, endless=endless)
    growing, unbound = frozenset(grows_while_iterating(function)), frozenset(possibly_unbound(function))
    return _Place(scope, span, helper, program, growing, unbound)


# --- which faults to keep --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Candidate:
    """A fault before its text was tried: `result` is the text of the whole function with it."""

    place: _Place
    fault: Fault
    result: str


def _fair_choice(places: list[_Place]) -> Iterator[Fault]:
    """Yield faults in rounds, one of each operator a round, until there are enough."""
    seen = {place.scope.text.code[slice(*place.span)] for place in places}
    queues = [_queue(operator, places, seen) for operator in OPERATORS]
    rounds = zip_longest(*(islice(filter(_is_fault, queue), MOST_PER_OPERATOR) for queue in queues))
    found = (candidate.fault for candidate in chain.from_iterable(rounds) if candidate is not None)
    return islice(found, MOST_FAULTS)


def _queue(operator: Operator, places: list[_Place], seen: set[str]) -> list[_Candidate]:
    """Return what an operator offers first to last: the entry point before its helpers, no text seen before."""
    queue: list[_Candidate] = []
    for place in places:
        offered = [_candidate(operator, place, edit) for edit in operator.find(place.scope)]
        # In the order of their hash: else a long function would get all its faults in its first lines.
        for candidate in sorted(offered, key=lambda each: each.fault.id):
            if candidate.result not in seen:
                seen.add(candidate.result)
                queue.append(candidate)
    return queue


def _candidate(operator: Operator, place: _Place, edit: Edit) -> _Candidate:
    code = place.scope.text.code
    result = code[place.span.start : edit.start] + edit.after + code[edit.end : place.span.end]
    return _Candidate(place, _fault(operator, place, edit), result)


def _fault(operator: Operator, place: _Place, edit: Edit) -> Fault:
    text = place.scope.text
    before = text.code[edit.start : edit.end]
    blank = len(before) - len(before.lstrip())
    where = f"In the helper `{place.helper}`: " if place.helper else ""
    return Fault(
        id=digest([operator.name, edit.start, edit.end, edit.after])[:12],
        operator=operator.name,
        kind=operator.kind,
        line=text.line_at(edit.start + (blank if before.strip() else 0)),
        start=edit.start,
        end=edit.end,
        before=before,
        after=edit.after,
        summary=where + edit.summary,
    )


def _is_fault(candidate: _Candidate) -> bool:
    """Return whether a function's text compiles to something else that is safe to run."""
    place, tree = candidate.place, _parsed(candidate.result)
    if tree is None or not isinstance(tree.body[0], FunctionNode):
        return False
    if not grows_while_iterating(tree) <= place.growing or not possibly_unbound(tree.body[0]) <= place.unbound:
        return False
    program = _compiled(tree)
    return program is not None and not _same_program(program, place.program)


def _parsed(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError):
        return None


def _compiled(tree: ast.Module) -> CodeType | None:
    """Return the code of a program, or None when it is one that only looks right to the parser."""
    try:
        return compile(tree, "<fault>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return None


def _same_program(first: CodeType, second: CodeType) -> bool:
    """Return whether two programs differ in nothing but line numbers: the edit was dead code or changed nothing."""
    return _essence(first) == _essence(second)


def _essence(program: CodeType) -> tuple[object, ...]:
    constants = tuple(_essence(each) if isinstance(each, CodeType) else repr(each) for each in program.co_consts)
    return (program.co_code, constants, program.co_names, program.co_varnames, program.co_freevars)
