"""How a statement keeps what it holds from failing the test, or ends the test before that."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from mendloop.tools.pytestfile.names import Names, dotted, last_name

_CAUGHT = frozenset({"AssertionError", "Exception", "BaseException"})
_EXITS = frozenset({"sys.exit", "os._exit", "os.abort", "exit", "quit", "_exit", "pytest.exit"})
_HARD = frozenset({"os._exit", "os.abort", "_exit", "pytest.exit"})
_SKIPS = frozenset({"pytest.skip", "pytest.xfail", "self.skipTest"})
_MARKS = frozenset({"skip", "xfail", "skipif", "expectedFailure", "skipIf"})
_RAISES = frozenset({"raises", "assertRaises", "assertRaisesRegex", "warns", "assertWarns", "assertLogs"})


def catches_failures(kind: ast.expr | None) -> bool:
    """Tell whether an `except`, `suppress` or `raises` of this class takes a failing assert."""
    return kind is None or any(last_name(node) in _CAUGHT for node in ast.walk(kind) if isinstance(node, ast.expr))


def swallows(node: ast.Try | ast.TryStar) -> bool:
    """Tell whether an assert in the body can fail without failing the test."""
    if any(
        isinstance(inner, ast.Return | ast.Break | ast.Continue) for part in node.finalbody for inner in ast.walk(part)
    ):
        return True
    return any(catches_failures(handler.type) and not _can_fail(handler.body) for handler in node.handlers)


def suppresses(contexts: Iterable[ast.expr]) -> bool:
    """Tell whether one of the contexts of a `with` swallows a failing assert."""
    return any(
        isinstance(context, ast.Call)
        and last_name(context.func) == "suppress"
        and any(map(catches_failures, context.args))
        for context in contexts
    )


def expected_exceptions(contexts: Iterable[ast.expr]) -> list[ast.expr]:
    """Return the classes that `pytest.raises`, or one of its kin, expects in a `with`."""
    calls = [context for context in contexts if isinstance(context, ast.Call)]
    return [call.args[0] for call in calls if call.args and last_name(call.func) in _RAISES]


def _can_fail(body: Sequence[ast.stmt]) -> bool:
    """Tell whether statements can make a test fail; what they note in a variable may do so later."""
    return any(
        isinstance(node, ast.Raise | ast.Assert | ast.Assign | ast.AugAssign)
        or (isinstance(node, ast.Call) and is_assertion(node))
        for part in body
        for node in ast.walk(part)
    )


def is_assertion(call: ast.Call) -> bool:
    """Tell whether a call is an assertion by its name: `assertEqual`, `assert_allclose`, `fail`, `raises`."""
    name = last_name(call.func)
    return name.startswith("assert") or name in ("fail", "approve", "verify", *_RAISES)


def exits(node: ast.stmt, names: Names) -> bool:
    """Tell whether a statement ends the process, or the run of all tests."""
    match node:
        case ast.Expr(value=ast.Call() as call):
            return dotted(call.func) in _EXITS and not names.of_program(call.func)
        case ast.Raise(exc=ast.expr() as raised):
            return last_name(raised) == "SystemExit"
    return False


def fails_by_exit(node: ast.stmt) -> bool:
    """Tell whether an exit says that something is wrong, as `sys.exit(1)` under a condition does."""
    call = node.value if isinstance(node, ast.Expr) else node.exc if isinstance(node, ast.Raise) else None
    if not isinstance(call, ast.Call) or dotted(call.func) in _HARD or not call.args:
        return False
    return not (isinstance(call.args[0], ast.Constant) and not call.args[0].value)


def skips(node: ast.stmt) -> bool:
    """Tell whether a statement skips the test, or says that it is expected to fail."""
    match node:
        case ast.Expr(value=ast.Call() as call):
            return dotted(call.func) in _SKIPS
        case ast.Raise(exc=ast.expr() as raised):
            return last_name(raised) == "SkipTest"
    return False


def skipping_mark(decorators: Iterable[ast.expr]) -> ast.expr | None:
    """Return the mark that skips a test, or expects it to fail, on every machine."""
    for mark in decorators:
        if isinstance(mark, ast.List | ast.Tuple):
            if inner := skipping_mark(mark.elts):
                return inner
        elif last_name(mark) in _MARKS and _always(mark):
            return mark
    return None


def _always(mark: ast.expr) -> bool:
    condition = last_name(mark) in ("skipif", "skipIf")
    given = mark.args[:1] if isinstance(mark, ast.Call) else []
    if not condition and last_name(mark) != "xfail":
        return True
    if not given:
        return not condition
    return isinstance(given[0], ast.Constant) and bool(given[0].value)


def empty_table(decorators: Iterable[ast.expr]) -> ast.expr | None:
    """Return the `parametrize` mark whose table is given in place and has no row."""
    for mark in decorators:
        if isinstance(mark, ast.Call) and last_name(mark.func) == "parametrize":
            named = [keyword.value for keyword in mark.keywords if keyword.arg == "argvalues"]
            rows = [*mark.args[1:2], *named]
            if rows and isinstance(rows[0], ast.List | ast.Tuple) and not rows[0].elts:
                return mark
    return None


def ends(node: ast.stmt, names: Names) -> bool:
    """Tell whether nothing behind a statement in its block is reached."""
    return isinstance(node, ast.Return | ast.Raise | ast.Break | ast.Continue) or exits(node, names) or skips(node)
