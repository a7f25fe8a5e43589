"""What the names in a test stand for: values that can be written out, and the lines that prepare the others."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace

from mendloop.agents.asserts.constants import constant
from mendloop.agents.asserts.expressions import bound_names, expression, free_names, read_names, rebuilt
from mendloop.agents.asserts.reasons import TOO_LONG, UNBOUND, RefusedError
from mendloop.agents.procedural.purity import BUILTINS, PURE_MODULES

MAX_NODES = 20_000
_MAX_LINES = 2_000


@dataclass
class Budget:
    """Work that may still be done for one text, in syntax nodes: any text is read in bounded time."""

    nodes: int = 400_000

    def spend(self, nodes: int) -> None:
        """Take nodes off; raises RefusedError when none are left."""
        self.nodes -= nodes
        if self.nodes < 0:
            raise RefusedError(TOO_LONG)

    def exhaust(self) -> None:
        """Take all nodes off and raise RefusedError: the text holds more than anybody needs."""
        self.nodes = 0
        self.spend(1)


@dataclass(frozen=True)
class Bound:
    """What a name stands for. With `written` the node can stand in the name's place; `size` counts its nodes.

    `made` says that the entry point is called in it, `position` how many lines came before; a `fixed` value never
    changes.
    """

    node: ast.expr
    size: int
    position: int
    written: bool
    made: bool
    fixed: bool


@dataclass(frozen=True)
class Line:
    """A statement that may have to run before a call: the names it binds or changes, and those it reads."""

    text: str
    affects: frozenset[str]
    reads: frozenset[str]
    binds: frozenset[str]


_UNTOLD = "<untold>"


@dataclass(frozen=True)
class Made:
    """A call of the entry point that was made on named arguments, and how many lines came before it."""

    call: ast.Call
    position: int
    versions: dict[str, int]


@dataclass
class Scope:
    """The names of one test, and the statements before the one that is looked at."""

    entry: str
    budget: Budget
    entries: frozenset[str]
    bound: dict[str, Bound] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    made: list[Made] = field(default_factory=list)
    versions: Counter[str] = field(default_factory=Counter)
    functions: dict[str, ast.FunctionDef] = field(default_factory=dict)
    full: bool = False

    def child(self, also_entry: Iterable[str] = ()) -> Scope:
        """Return a scope that sees everything here and changes nothing of it."""
        self.budget.spend(len(self.lines) + len(self.bound))
        return replace(
            self,
            entries=self.entries | frozenset(also_entry),
            bound=dict(self.bound),
            lines=list(self.lines),
            made=list(self.made),
            versions=Counter(self.versions),
            functions=dict(self.functions),
        )

    # --- statements that prepare -------------------------------------------------------------------------------------

    def bind(self, name: str, value: ast.expr) -> None:
        """Note that a name is assigned an expression whose names are those of this scope."""
        self.versions[name] += 1
        try:
            node, size, position = self.resolved(value)
        except RefusedError:
            self.bound.pop(name, None)
            return
        if isinstance(node, ast.Name) and node.id == self.entry:
            self.entries |= {name}
            return
        made = self.calls_entry(node)
        found = None if made or self.unknown(node) else constant(node)
        fixed = found is not None and isinstance(found.value, _FIXED)
        if found is not None and fixed and isinstance(node, ast.BinOp):
            node, size = expression(found.literal) or node, 2
        self.bound[name] = Bound(node, size, position, made or found is not None, made, fixed)
        self.note(ast.Assign([ast.Name(name, ast.Store())], value))

    def note(self, statement: ast.stmt) -> None:
        """Note a statement as a line of setup; what it changes can no longer be written out."""
        binds, reads = frozenset(bound_names(statement)), frozenset(read_names(statement))
        self.budget.spend(1 + len(reads))
        touched: frozenset[str] = frozenset()
        affects = binds
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            affects = frozenset({statement.name})
        elif not isinstance(statement, ast.Import | ast.ImportFrom) and not _assigns_names(statement):
            touched = frozenset(name for name in reads & self.bound.keys() if not self.bound[name].fixed)
        for name in touched:
            self.bound[name] = replace(self.bound[name], written=False)
        self._add(Line(self._text(statement), affects | touched, reads, binds))

    def forget(self, names: Iterable[str]) -> None:
        """Note that names have values that cannot be told."""
        untold = frozenset(names)
        for name in untold:
            self.versions[name] += 1
            self.bound.pop(name, None)
        if untold:
            self._add(Line("", untold, frozenset({_UNTOLD}), frozenset()))

    def _add(self, line: Line) -> None:
        self.budget.spend(1 + len(line.text) // 4)
        self.full = self.full or len(self.lines) >= _MAX_LINES
        if not self.full:
            self.lines.append(line)

    def _text(self, statement: ast.stmt) -> str:
        """Return a line of setup in which the entry point goes by its own name."""
        text = ast.unparse(ast.fix_missing_locations(statement))
        if isinstance(statement, ast.Import | ast.ImportFrom) or not self._is_renamed(statement):
            return text
        (copy,) = ast.parse(text).body
        return ast.unparse(_Plain(self).visit(copy))

    def _is_renamed(self, node: ast.AST) -> bool:
        return any(
            isinstance(inner, ast.Name | ast.Attribute) and self.is_entry(inner) and ast.unparse(inner) != self.entry
            for inner in ast.walk(node)
        )

    # --- expressions -------------------------------------------------------------------------------------------------

    def resolved(self, node: ast.expr, keep: Collection[str] = ()) -> tuple[ast.expr, int, int]:
        """Return an expression with its names written out but those in `keep`, its size, and how many lines it needs.

        Every way of naming the entry point becomes its name. Raises RefusedError when the result is too large.
        """
        hidden = {*bound_names(node), *keep}
        sizes, positions = [0], [len(self.lines)]

        def written(inner: ast.expr) -> ast.expr | None:
            sizes[0] += 1
            if sizes[0] > MAX_NODES:
                raise RefusedError(TOO_LONG)
            if self.is_entry(inner):
                return ast.Name(self.entry, ast.Load())
            if not isinstance(inner, ast.Name) or inner.id in hidden:
                return None
            found = self.bound.get(inner.id)
            if found is None or not found.written:
                return None
            sizes[0] += found.size
            if found.made:
                positions.append(found.position)
            return found.node

        node = rebuilt(node, written)
        self.budget.spend(sizes[0])
        if sizes[0] > MAX_NODES:
            raise RefusedError(TOO_LONG)
        return node, sizes[0], min(positions)

    def is_entry(self, node: ast.expr) -> bool:
        """Tell whether an expression names the entry point: `f`, `candidate`, `solution.f`, `Solution().f`."""
        match node:
            case ast.Name(id=name):
                return name in self.entries
            case ast.Attribute(value=ast.Name(id=owner), attr=name):
                return name == self.entry and owner not in self.bound and owner not in _LIBRARIES
            case ast.Attribute(value=ast.Attribute(), attr=name):
                return name == self.entry
            case ast.Attribute(value=ast.Call(func=ast.Name(id="Solution"), args=[], keywords=[]), attr=name):
                return name == self.entry
        return False

    def is_call(self, node: ast.AST) -> bool:
        """Tell whether a node calls the entry point, by any of its names."""
        return isinstance(node, ast.Call) and self.is_entry(node.func)

    def calls_entry(self, node: ast.AST) -> bool:
        """Tell whether a call of the entry point stands anywhere in a node."""
        return any(self.is_call(inner) for inner in ast.walk(node))

    def unknown(self, node: ast.AST) -> set[str]:
        """Return the names in a node that are neither builtins nor the entry point."""
        return free_names(node) - BUILTINS - {self.entry}

    def setup(self, names: set[str], position: int) -> str | None:
        """Return the lines that give names their values; raises RefusedError when some have none."""
        if self.full:
            raise RefusedError(TOO_LONG)
        wanted, known = set(names), set[str]()
        chosen: list[str] = []
        self.budget.spend(position)
        for line in reversed(self.lines[:position]):
            if line.affects & wanted:
                chosen.append(line.text)
                known |= line.affects | line.binds
                wanted |= line.reads
        if wanted - known - BUILTINS - {self.entry}:
            raise RefusedError(UNBOUND)
        text = ("\n" if any("\n" in line for line in chosen) else "; ").join(reversed(chosen))
        self.budget.spend(len(text) // 8)
        return text or None

    def call_on(self, name: str) -> Made | None:
        """Return the last call of the entry point on a variable that was not assigned since."""
        for made in reversed(self.made):
            if name in made.versions:
                return made if made.versions[name] == self.versions[name] else None
        return None

    def record(self, node: ast.AST) -> None:
        """Note the calls of the entry point in a statement, for asserts about their arguments."""
        for inner in ast.walk(node):
            if isinstance(inner, ast.Call) and self.is_call(inner):
                names = {
                    arg.id for arg in [*inner.args, *(k.value for k in inner.keywords)] if isinstance(arg, ast.Name)
                }
                if names and len(self.made) < _MAX_LINES:
                    self.made.append(Made(inner, len(self.lines), {name: self.versions[name] for name in names}))


class _Plain(ast.NodeTransformer):
    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return self._entry(node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        return self._entry(node) if self._scope.is_entry(node) else self.generic_visit(node)

    def _entry(self, node: ast.expr) -> ast.AST:
        reads = not isinstance(node, ast.Name) or isinstance(node.ctx, ast.Load)
        return ast.Name(self._scope.entry, ast.Load()) if reads and self._scope.is_entry(node) else node


_FIXED = (int, float, complex, str, bytes, type(None))
_LIBRARIES = PURE_MODULES | {"np", "numpy", "pd"}


def _assigns_names(statement: ast.stmt) -> bool:
    """Tell whether a statement does nothing but give values to plain names."""
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    return bool(targets) and all(isinstance(target, ast.Name) for target in targets)


def is_pure_import(node: ast.Import | ast.ImportFrom) -> bool:
    """Tell whether an import brings in nothing but modules without effects, so that a setup may hold it."""
    if isinstance(node, ast.Import):
        return all(alias.name in PURE_MODULES for alias in node.names)
    return not node.level and node.module in PURE_MODULES and all(alias.name != "*" for alias in node.names)
