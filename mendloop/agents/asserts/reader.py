"""The walk through a test text: which statement claims what about the entry point. Nothing is executed."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Sequence

from mendloop.agents.asserts.claiming import claim_about_calls, claim_after_call, claim_of_raising
from mendloop.agents.asserts.claims import Claim
from mendloop.agents.asserts.constants import constant
from mendloop.agents.asserts.expressions import bound_names, free_names
from mendloop.agents.asserts.forms import (
    crossed,
    exact_exception,
    last_name,
    method_test,
    parametrized,
    raised_class,
    raising_call,
    table_row,
)
from mendloop.agents.asserts.reasons import (
    ALWAYS_TRUE,
    AS_MESSAGE,
    ASSERTS_NOTHING,
    COMPREHENSION,
    CONDITION,
    ELSEWHERE,
    NEVER_CALLS,
    NEVER_TRUE,
    NO_EXCEPTION,
    NO_LITERAL,
    NO_PARSE,
    ON_CONSTANT,
    OVER_NOTHING,
    SEVERAL_RAISE,
    SWALLOWED,
    TOO_LONG,
    UNBOUND,
    RefusedError,
)
from mendloop.agents.asserts.salvage import MAX_TEXT, salvage
from mendloop.agents.asserts.scopes import Budget, Scope, is_pure_import
from mendloop.agents.asserts.statements import (
    OwnNames,
    assign,
    catches_failures,
    defaults,
    disturbed,
    elements,
    fails,
    goes_through_nothing,
    is_call,
    is_idle_test,
    is_test,
    is_text,
    matched,
    only_calls,
)
from mendloop.agents.procedural.purity import BUILTINS

MAX_CLAIMS = 2_000
_MAX_DEPTH = 12


class Reader:
    """Walks the statements of one text and collects what they claim about the entry point."""

    def __init__(self, entry: str) -> None:
        self.entry = entry
        self.claims: list[Claim] = []
        self.refused: Counter[str] = Counter()
        self._budget = Budget()
        self._depth = 0
        self._seen: dict[tuple[int, str], ast.stmt] = {}

    def read(self, text: str) -> None:
        self.refused[TOO_LONG] += len(text) > MAX_TEXT
        found = salvage(text)
        self.refused[NO_PARSE] += found.broken
        self.refused[NO_LITERAL] += found.no_literal
        for block in found.blocks:
            try:
                self._block(block, Scope(self.entry, self._budget, frozenset({self.entry, "candidate"})))
            except (RefusedError, RecursionError, MemoryError):
                self.refused[TOO_LONG] += 1

    # --- statements --------------------------------------------------------------------------------------------------

    def _block(self, body: Sequence[ast.stmt], scope: Scope) -> None:
        if self._depth >= _MAX_DEPTH:
            raise RefusedError(TOO_LONG)
        self._depth += 1
        try:
            for statement in body:
                self._counted(statement, scope)
        finally:
            self._depth -= 1

    def _counted(self, statement: ast.stmt, scope: Scope) -> None:
        """Read one statement; what is wrong with it costs no other."""
        try:
            self._budget.spend(1)
            self._statement(statement, scope)
        except RefusedError as reason:
            self._refuse(statement, str(reason))
        except (RecursionError, MemoryError, ValueError, TypeError):
            self._refuse(statement, TOO_LONG)
        if self._budget.nodes < 0:
            raise RefusedError(TOO_LONG)

    def _refuse(self, statement: ast.stmt, reason: str) -> None:
        """Count a statement once for a reason, however often a loop or a table comes by."""
        self.refused[reason] += (id(statement), reason) not in self._seen
        self._seen[id(statement), reason] = statement

    def _statement(self, node: ast.stmt, scope: Scope) -> None:
        match node:
            case ast.Assert(test=test, msg=message):
                scope.record(test)
                self._assert(test, scope, message)
            case ast.Expr(value=ast.Call() as call):
                self._called(call, scope)
            case ast.Assign(targets=targets, value=value):
                assign(targets, value, scope)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                assign([target], value, scope)
            case ast.AugAssign(target=ast.Name(id=name), op=sign, value=value):
                scope.bind(name, ast.BinOp(ast.Name(name, ast.Load()), sign, value))
            case ast.AugAssign():
                scope.note(node)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._function(node, scope)
            case ast.ClassDef():
                self._class(node, scope)
            case ast.Import() | ast.ImportFrom():
                self._import(node, scope)
            case ast.For() | ast.AsyncFor():
                self._loop(node, scope)
            case ast.With() | ast.AsyncWith():
                self._with(node, scope)
            case ast.Try():
                self._try(node, scope)
            case ast.If():
                self._branch(node, scope)
            case ast.While() | ast.Match():
                self._refuse_inside(node, CONDITION, scope)
                scope.forget(bound_names(node) | disturbed(node))

    def _import(self, node: ast.Import | ast.ImportFrom, scope: Scope) -> None:
        aliases = {alias.asname for alias in node.names if alias.asname and alias.name == self.entry}
        scope.entries |= frozenset(aliases)
        if is_pure_import(node):
            scope.note(node)

    def _called(self, call: ast.Call, scope: Scope) -> None:
        raising = raising_call(call)
        if raising is not None:
            self._raises([ast.Expr(raising)], call.args[0], scope)
            return
        if (test := method_test(call)) is not None:
            scope.record(test)
            self._assert(test, scope, None)
            return
        function = scope.functions.get(call.func.id) if isinstance(call.func, ast.Name) else None
        if function is not None:
            self._inlined(function, call, scope)
            return
        scope.record(call)
        if last_name(call.func) != "print":
            scope.note(ast.Expr(call))

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> None:
        if node.name == self.entry:
            return
        if is_idle_test(node, scope):
            self._refuse(node, ASSERTS_NOTHING)
        params = [arg.arg for arg in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
        free = [name for name in params if name not in ("self", "cls") and name not in scope.entries]
        tables = parametrized(node)
        checks = any(isinstance(inner, ast.Assert) for inner in ast.walk(node))
        if isinstance(node, ast.FunctionDef):
            if checks and free and not tables and not only_calls(node, free[0], scope):
                scope.functions[node.name] = node
                if not node.name.startswith("test"):
                    return
            elif not checks and not is_test(node) and not scope.calls_entry(node):
                scope.note(node)
                return
        inner = scope.child([free[0]] if len(free) == 1 and only_calls(node, free[0], scope) else ())
        inner.forget(name for name in free if name not in inner.entries)
        for name, value in defaults(node).items():
            inner.bind(name, value)
        if not tables:
            self._block(node.body, inner)
            return
        rows = [[row for item in elements(rows, scope) if (row := table_row(item, names))] for names, rows in tables]
        if not all(rows):
            self._refuse_inside(node, UNBOUND, scope)
        for values in crossed(rows):
            self._bound(values, node.body, inner)

    def _inlined(self, function: ast.FunctionDef, call: ast.Call, scope: Scope) -> None:
        """Read the body of a function of the tests with the arguments of one of its calls."""
        names = [arg.arg for arg in (*function.args.posonlyargs, *function.args.args)]
        values = defaults(function) | dict(zip(names, call.args, strict=False))
        values |= {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
        self._bound(values, function.body, scope)

    def _bound(self, values: dict[str, ast.expr], body: Sequence[ast.stmt], scope: Scope) -> None:
        inner = scope.child()
        for name, value in values.items():
            inner.bind(name, value)
        self._block(body, inner)

    def _class(self, node: ast.ClassDef, scope: Scope) -> None:
        """Read the tests of a class, each after what its `setUp` does; a class without any is a line of setup."""
        if node.name in (self.entry, "Solution"):
            return
        functions = [part for part in node.body if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef)]
        if not any(is_test(function) for function in functions):
            scope.note(node)
            return
        own = OwnNames(self.entry)
        body = [own.visit(part) for part in node.body if not isinstance(part, ast.ClassDef)]
        inner = scope.child()
        for part in body:
            if isinstance(part, ast.FunctionDef) and part.name in ("setUp", "setup_method", "setUpClass"):
                self._block(part.body, inner)
        self._block([part for part in body if not isinstance(part, ast.FunctionDef) or is_test(part)], inner)

    def _loop(self, node: ast.For | ast.AsyncFor, scope: Scope) -> None:
        """Read the body of a loop over a literal table row by row, as it would run."""
        rows = [matched(node.target, row) for row in elements(node.iter, scope)]
        leaves = any(isinstance(inner, ast.Break | ast.Continue) for inner in ast.walk(node))
        if not rows or leaves or None in rows:
            self._refuse_inside(node, OVER_NOTHING if goes_through_nothing(node.iter, scope) else CONDITION, scope)
            scope.forget(bound_names(node) | disturbed(node))
            return
        for row in rows:
            for name, value in (row or {}).items():
                scope.bind(name, value)
            self._block(node.body, scope)

    def _with(self, node: ast.With | ast.AsyncWith, scope: Scope) -> None:
        contexts = [item.context_expr for item in node.items]
        kinds = [kind for context in contexts if (kind := raised_class(context)) is not None]
        if kinds:
            self._raises(node.body, kinds[0], scope)
        elif any(isinstance(context, ast.Call) and last_name(context.func) == "suppress" for context in contexts):
            self._refuse_inside(node, SWALLOWED, scope)
        else:
            self._block(node.body, scope)

    def _try(self, node: ast.Try, scope: Scope) -> None:
        failing = [part for part in node.body if fails(part)]
        raising = bool(failing) or any(fails(part) for part in node.orelse)
        passing = [handler for handler in node.handlers if not any(fails(part) for part in handler.body)]
        if not passing:
            self._block([*node.body, *node.orelse, *node.finalbody], scope)
        elif raising and len(node.handlers) == 1 and not (failing and catches_failures(passing[0].type)):
            body = node.body[: node.body.index(failing[0])] if failing else node.body
            self._raises(body, passing[0].type or ast.Name("BaseException", ast.Load()), scope)
        else:
            self._refuse_inside(ast.Module([*node.body, *node.orelse], []), SWALLOWED, scope)
            self._block(node.finalbody, scope)

    def _branch(self, node: ast.If, scope: Scope) -> None:
        found = constant(node.test)
        if "__name__" in {name.id for name in ast.walk(node.test) if isinstance(name, ast.Name)}:
            self._block(node.body, scope)
        elif found is not None:
            live, dead = (node.body, node.orelse) if found.value else (node.orelse, node.body)
            self._refuse_inside(ast.Module(dead, []), NEVER_TRUE, scope)
            self._block(live, scope)
        else:
            self._refuse_inside(node, CONDITION, scope)
            scope.forget(bound_names(node) | disturbed(node))

    def _refuse_inside(self, node: ast.AST, reason: str, scope: Scope) -> None:
        """Count the asserts in a statement that is not read."""
        self.refused[reason] += sum(
            isinstance(inner, ast.Assert) or (isinstance(inner, ast.Call) and method_test(inner) is not None)
            for inner in ast.walk(node)
        )
        scope.budget.spend(sum(1 for _ in ast.walk(node)))

    # --- asserts -----------------------------------------------------------------------------------------------------

    def _raises(self, body: Sequence[ast.stmt], kind: ast.expr, scope: Scope) -> None:
        """Claim the one call in a body under an expected exception."""
        name = exact_exception(kind)
        inner = scope.child()
        calls = [part for part in body if inner.calls_entry(part)]
        if not calls:
            raise RefusedError(NEVER_CALLS)
        if name is None:
            raise RefusedError(NO_EXCEPTION)
        if len(calls) > 1:
            raise RefusedError(SEVERAL_RAISE)
        for part in body[: list(body).index(calls[0])]:
            self._statement(part, inner)
        self._claim(claim_of_raising(calls[0], name, inner))

    def _assert(self, test: ast.expr, scope: Scope, message: ast.expr | None) -> None:
        """Claim what an assert says; a conjunction says several things."""
        if isinstance(test, ast.Tuple) and test.elts:
            raise RefusedError(ALWAYS_TRUE)
        if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
            about = [part for part in test.values if scope.calls_entry(scope.resolved(part)[0])]
            for part in about:
                self._assert(part, scope, None)
            if about:
                return
        if (claim := claim_after_call(test, scope)) is not None:
            self._claim(claim)
            return
        node, _, position = scope.resolved(test)
        if not scope.calls_entry(node):
            raise RefusedError(NEVER_CALLS if free_names(node) - BUILTINS else ON_CONSTANT)
        if any(isinstance(inner, ast.Await | ast.Yield | ast.YieldFrom) for inner in ast.walk(node)):
            raise RefusedError(ELSEWHERE)
        if self._unrolled(node, scope):
            return
        plain = is_call(node, self.entry)
        if plain and message is not None and constant(message) and not is_text(message):
            raise RefusedError(AS_MESSAGE)
        self._claim(claim_about_calls(node, position, self.entry, scope))

    def _unrolled(self, node: ast.expr, scope: Scope) -> bool:
        """Read `all(f(x) == y for x, y in table)` row by row; false for another expression."""
        match node:
            case ast.Call(
                func=ast.Name(id="all"),
                args=[ast.GeneratorExp() | ast.ListComp() as rows],
                keywords=[],
            ) if len(rows.generators) == 1 and scope.calls_entry(rows.elt):
                generator = rows.generators[0]
                values = [matched(generator.target, row) for row in elements(generator.iter, scope)]
                if goes_through_nothing(generator.iter, scope):
                    raise RefusedError(OVER_NOTHING)
                if not values or generator.ifs or any(value is None for value in values):
                    raise RefusedError(COMPREHENSION)
                for value in values:
                    self._bound(value or {}, [ast.Assert(rows.elt, None)], scope)
                return True
        return False

    def _claim(self, claim: Claim) -> None:
        if len(self.claims) >= MAX_CLAIMS:
            self._budget.exhaust()
        self.claims.append(claim)
