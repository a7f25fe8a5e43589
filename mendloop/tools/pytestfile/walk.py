"""The walk through one test: which asserts can fail because of the program, and what is wrong with the others."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from mendloop.tools.pytestfile.blocks import (
    catches_failures,
    ends,
    exits,
    expected_exceptions,
    fails_by_exit,
    is_assertion,
    skips,
    suppresses,
    swallows,
)
from mendloop.tools.pytestfile.claims import Claims
from mendloop.tools.pytestfile.flaws import FlawKind
from mendloop.tools.pytestfile.names import Function, dotted, last_name, single_values

_COMPARED: dict[str, type[ast.cmpop]] = {
    "assertEqual": ast.Eq,
    "assertEquals": ast.Eq,
    "assertListEqual": ast.Eq,
    "assertDictEqual": ast.Eq,
    "assertTupleEqual": ast.Eq,
    "assertIs": ast.Is,
}
_UNREACHED: tuple[FlawKind, ...] = ("after_return", "if_false", "empty_loop", "uncalled")
_NESTING = 60


@dataclass
class Walk:
    """Goes through the statements of a test and of the functions of the file that it calls (`functions`, by name).

    `sound` counts the asserts that can fail because of the program; `spoilt` is what undoes those as well; `opaque`
    tells that something else is called that may assert.
    """

    claims: Claims
    functions: Mapping[str, Function]
    budget: list[int]
    flaws: list[tuple[FlawKind, int]] = field(default_factory=list)
    spoilt: tuple[FlawKind, int] | None = None
    sound: int = 0
    opaque: bool = False
    _entered: set[str] = field(default_factory=set)
    _depth: int = 0
    _conditional: int = 0

    def block(self, body: Sequence[ast.stmt], trap: FlawKind | None = None, *, conditional: bool = False) -> None:
        """Read statements in order; with a `trap`, that is why no assert in them can fail."""
        if self._depth >= _NESTING:
            self.opaque = True
            return
        self._depth += 1
        self._conditional += conditional
        for statement in body:
            self.budget[0] -= 1
            if self.budget[0] < 0:
                self.opaque = True
                break
            self._statement(statement, trap)
            if ends(statement, self.claims.names):
                trap = trap or "after_return"
        self._conditional -= conditional
        self._depth -= 1

    def enter(self, name: str, trap: FlawKind | None) -> None:
        """Read the body of a function of the file, once a test."""
        function = self.functions.get(name)
        if function is not None and name not in self._entered and self.budget[0] >= 0:
            self._entered.add(name)
            self.budget[0] -= sum(1 for _ in ast.walk(function))
            outer = self.claims
            self.claims = replace(outer, values=single_values(function.body))
            self.block(function.body, trap)
            self.claims = outer

    def _statement(self, node: ast.stmt, trap: FlawKind | None) -> None:
        if exits(node, self.claims.names):
            self._exit(node, trap)
            return
        if skips(node) and not self._conditional and trap is None:
            self._spoil("skipped", node.lineno)
        match node:
            case ast.Assert(test=test):
                self._assert(test, node.lineno, trap)
            case ast.Raise() if not skips(node):
                self.sound += trap is None
            case ast.If(test=test):
                self._branch(node, test, trap)
            case ast.While(test=test):
                self.block(node.body, "if_false" if self.claims.is_false(test) else trap, conditional=True)
                self.block(node.orelse, trap, conditional=True)
            case ast.For(iter=rows) | ast.AsyncFor(iter=rows):
                self.block(node.body, "empty_loop" if self.claims.is_empty(rows) else trap, conditional=True)
                self.block(node.orelse, trap, conditional=True)
            case ast.With() | ast.AsyncWith():
                self._with(node, trap)
            case ast.Try() | ast.TryStar():
                self._try(node, trap)
            case ast.Match(cases=cases):
                for case in cases:
                    self.block(case.body, trap, conditional=True)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                pass
            case _:
                self._calls(node, trap)

    def _exit(self, node: ast.stmt, trap: FlawKind | None) -> None:
        if trap in _UNREACHED:
            return
        if self._conditional and fails_by_exit(node):
            self.sound += 1
        elif self._conditional:
            self.flaws.append(("exits", node.lineno))
        else:
            self._spoil("exits", node.lineno)

    def _spoil(self, kind: FlawKind, line: int) -> None:
        self.flaws.append((kind, line))
        self.spoilt = self.spoilt or (kind, line)

    def _branch(self, node: ast.If, test: ast.expr, trap: FlawKind | None) -> None:
        never = self.claims.is_false(test)
        always = self.claims.is_false(ast.UnaryOp(ast.Not(), test))
        self.block(node.body, "if_false" if never else trap, conditional=not always)
        self.block(node.orelse, "if_false" if always else trap, conditional=not never)

    def _with(self, node: ast.With | ast.AsyncWith, trap: FlawKind | None) -> None:
        contexts = [item.context_expr for item in node.items]
        kinds = expected_exceptions(contexts)
        asserts = any(isinstance(inner, ast.Assert) for part in node.body for inner in ast.walk(part))
        if suppresses(contexts) or (kinds and asserts and any(map(catches_failures, kinds))):
            self.block(node.body, "swallowed")
            return
        self.sound += bool(kinds) and trap is None
        # What ends the process may be what is expected: nothing in here spoils the test.
        self.block(node.body, trap, conditional=bool(kinds))

    def _try(self, node: ast.Try | ast.TryStar, trap: FlawKind | None) -> None:
        self.block(node.body, "swallowed" if swallows(node) else trap, conditional=bool(node.handlers))
        for handler in node.handlers:
            self.block(handler.body, trap, conditional=True)
        self.block(node.orelse, trap, conditional=True)
        self.block(node.finalbody, trap)

    def _calls(self, node: ast.stmt, trap: FlawKind | None) -> None:
        """Read the assertions by name, and the functions of the file, that a plain statement calls."""
        for call in [inner for inner in ast.walk(node) if isinstance(inner, ast.Call)]:
            self.budget[0] -= 1
            if (test := _asserted(call)) is not None:
                self._assert(test, call.lineno, trap)
            elif is_assertion(call):
                # What `pytest.fail` raises is no AssertionError, nor an Exception.
                self.sound += trap is None or (trap == "swallowed" and dotted(call.func) == "pytest.fail")
            elif (name := last_name(call.func)) in self.functions:
                self.enter(name, trap)
            elif dotted(call.func).partition(".")[0] in self.claims.names.foreign:
                self.opaque = True

    def _assert(self, test: ast.expr, line: int, trap: FlawKind | None) -> None:
        self._calls(ast.Expr(test), trap)
        kind = trap or self.claims.flaw(test)
        if kind is None:
            self.sound += 1
        else:
            self.flaws.append((kind, line))


def _asserted(call: ast.Call) -> ast.expr | None:
    """Return the condition that `self.assertTrue(x)` and its kin assert; None for another call."""
    match last_name(call.func), call.args:
        case "assertTrue", [test, *_]:
            return test
        case "assertFalse", [test, *_]:
            return ast.UnaryOp(ast.Not(), test)
        case str(name), [left, right, *_] if name in _COMPARED:
            return ast.Compare(left, [_COMPARED[name]()], [right])
    return None
