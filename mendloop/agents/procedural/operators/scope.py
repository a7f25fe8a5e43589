"""One function as the operators see it: its nodes, their text, what may be edited, and which names exist where."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TypeVar

from mendloop.agents.procedural.operators.edits import Edit, quote
from mendloop.agents.procedural.operators.kinds import Evidence, ValueKind, gather_evidence, kind_of
from mendloop.agents.procedural.operators.walks import (
    FunctionNode,
    Loop,
    Nested,
    bound_by,
    own_blocks,
    stored,
)
from mendloop.agents.procedural.operators.zones import delicate_nodes, silent_nodes
from mendloop.agents.procedural.spans import Located, SourceText, Span

N = TypeVar("N", bound=ast.AST)

_ATOMS = (
    ast.Name,
    ast.Constant,
    ast.Attribute,
    ast.Subscript,
    ast.Call,
    ast.List,
    ast.Dict,
    ast.Set,
    ast.ListComp,
    ast.DictComp,
    ast.SetComp,
    ast.GeneratorExp,
    ast.JoinedStr,
)
_TIGHT = (ast.BinOp, ast.UnaryOp, ast.Compare, ast.BoolOp, ast.Attribute, ast.Subscript, ast.Call, ast.IfExp, ast.Await)


class Scope:
    """One function of a program. `nodes` gives only what may be edited; with `endless`, also what ends its loops."""

    def __init__(self, text: SourceText, function: FunctionNode, *, endless: bool = False) -> None:
        self.text = text
        self.function = function
        self.parents: dict[ast.AST, ast.AST] = {}
        self._delicate = set() if endless else delicate_nodes(function)
        self._closed = self._delicate | silent_nodes(function)
        self._by_type: defaultdict[type[ast.AST], list[ast.AST]] = defaultdict(list)
        self._index(function)

    def _index(self, node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            self.parents[child] = node
            if child not in self._closed:
                self._by_type[type(child)].append(child)
            self._index(child)

    @cached_property
    def evidence(self) -> Evidence:
        """What the text says about the kind of value behind each name."""
        return gather_evidence(self.function)

    def nodes(self, kind: type[N]) -> Iterator[N]:
        """Yield the nodes of one type that may be edited, in text order."""
        for node in self._by_type[kind]:
            assert isinstance(node, kind)
            yield node

    def may_edit(self, node: ast.AST) -> bool:
        """Return whether a change of this one node is visible and cannot make a loop endless."""
        return node not in self._closed

    def may_remove(self, node: ast.AST) -> bool:
        """Return whether a node and all below it can go without making a loop endless."""
        return self._delicate.isdisjoint(ast.walk(node))

    def source(self, node: Located) -> str:
        """Return the text of a node."""
        return self.text.of(node)

    def kind(self, node: ast.AST) -> ValueKind | None:
        """Return the kind of value of an expression, where the text says it."""
        return kind_of(node, self.evidence)

    def shown(self, outer: Located, inner: Located, after: str) -> str:
        """Return the text of `outer` in backticks as it reads with another text in place of `inner`."""
        start, end = self.text.span(outer)
        first, last = self.text.span(inner)
        return quote(self.text.code[start:first] + after + self.text.code[last:end])

    def replace(self, node: Located, after: str, summary: str) -> Edit:
        """Return the edit that puts another text in place of a node."""
        start, end = self.text.span(node)
        return Edit(start, end, after, summary)

    def replace_span(self, span: Span, after: str, summary: str) -> Edit:
        """Return the edit that puts another text in place of a span."""
        return Edit(span.start, span.end, after, summary)

    def operand(self, node: ast.expr, place: ast.expr) -> str:
        """Return the text of `node` fit to stand where `place` stands: in parentheses where it needs them."""
        text = self.source(node)
        if isinstance(node, _ATOMS) or (isinstance(node, ast.Tuple) and text.startswith("(")):
            return text
        parent = self.parents[place]
        is_argument = isinstance(parent, ast.Call) and place is not parent.func
        is_index = isinstance(parent, ast.Subscript) and place is parent.slice
        tight = isinstance(parent, _TIGHT) and not is_argument and not is_index
        return f"({text})" if tight or "\n" in text else text

    def block_of(self, statement: ast.stmt) -> Sequence[ast.stmt]:
        """Return the block that a statement stands in."""
        return next(block for block in own_blocks(self.parents[statement]) if statement in block)

    def statement_of(self, node: ast.AST) -> ast.stmt:
        """Return the innermost statement that a node belongs to."""
        while not isinstance(node, ast.stmt):
            node = self.parents[node]
        return node

    def ancestors(self, node: ast.AST) -> Iterator[ast.AST]:
        """Yield the parents of a node up to the function that it runs in."""
        while node in self.parents:
            node = self.parents[node]
            yield node
            if isinstance(node, Nested):
                return

    def loop_of(self, node: ast.AST) -> Loop | None:
        """Return the innermost loop statement around a node, within its own function."""
        return next((each for each in self.ancestors(node) if isinstance(each, Loop)), None)

    def owner_of(self, node: ast.AST) -> ast.AST:
        """Return the function that a node runs in."""
        return next((each for each in self.ancestors(node) if isinstance(each, Nested)), self.function)

    def bound_before(self, node: ast.AST) -> set[str]:
        """Return the local names that are certainly bound when a node is evaluated (own function only)."""
        bound = set[str]()
        child = node
        for parent in self.ancestors(node):
            bound |= _bound_on_entry(parent, child)
            for block in own_blocks(parent):
                if isinstance(child, ast.stmt) and child in block:
                    bound |= bound_by(block[: block.index(child)])
            child = parent
        return bound - self._deleted

    @cached_property
    def _deleted(self) -> set[str]:
        deletions = (node for node in ast.walk(self.function) if isinstance(node, ast.Delete))
        return {target.id for node in deletions for target in node.targets if isinstance(target, ast.Name)}

    @cached_property
    def unit(self) -> str:
        """One step of indentation."""
        body = self.function.body[0]
        inner, outer = self.text.indent(body.lineno), self.text.indent(self.function.lineno)
        return inner[len(outer) :] or "    "

    def shifted(self, statement: ast.stmt, prefix: str, drop: int = 0) -> str | None:
        """Return whole lines of a statement moved right by `prefix` or left by `drop`; None when that is not safe."""
        if not self.text.owns_lines(statement) or _has_long_string(statement):
            return None
        start, end = self.text.lines_of(statement)
        lines = self.text.code[start:end].splitlines(keepends=True)
        moved = [prefix + line[drop:] if line.strip() else line for line in lines]
        if any(line.strip() and line[:drop].strip() for line in lines):
            return None
        return "".join(moved) if moved[-1].endswith("\n") else "".join(moved) + "\n"


def _bound_on_entry(parent: ast.AST, child: ast.AST) -> set[str]:
    match parent:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda() if child is not parent.args:
            arguments = parent.args
            named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
            return {each.arg for each in named if each}
        case ast.For() | ast.AsyncFor() if child in parent.body:
            return stored(parent.target)
        case ast.With() | ast.AsyncWith() if child in parent.body:
            return {name for item in parent.items if item.optional_vars for name in stored(item.optional_vars)}
        case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp() if child not in parent.generators:
            return {name for generator in parent.generators for name in stored(generator.target)}
        case ast.comprehension() if child in parent.ifs:
            return stored(parent.target)
        case _:
            return set()


def _has_long_string(statement: ast.stmt) -> bool:
    return any(
        isinstance(node, ast.Constant | ast.JoinedStr) and node.lineno != node.end_lineno
        for node in ast.walk(statement)
    )
