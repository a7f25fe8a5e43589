"""Where the run of a faulty program parts from a correct run on the same input."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from mendloop.agents.procedural.code_lines import Place, header_lines, line_map, parameters, place_at
from mendloop.agents.procedural.deciding import decides, passes_on
from mendloop.executions import Step

PartingKind = Literal["value", "branch", "jump", "lost", "argument", "default", "ended", "went_on"]

_JUMPS = (ast.Return, ast.Break, ast.Continue, ast.Raise)
_CHOOSERS = (*_JUMPS, ast.If, ast.While, ast.For, ast.Try, ast.ExceptHandler, ast.With)
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


@dataclass(frozen=True)
class Parting:
    """The line of the faulty program after which the two runs differ, and what differs.

    kind: `value` (the line leaves another value in `variable`), `branch` (another line follows), `jump` (this line
    stands where a correct run does something else), `lost` (a correct run
    does something more after it), `argument` (it calls with another value), `default` (a parameter starts with another
    value), `ended` (the run stops there and a correct one goes on), `went_on` (the other way round).
    `visit` counts how often the line had run, `values` are the locals just before it ran.
    `next_line` follows in the faulty run, `correct_next` in a correct one (numbered as in the faulty program).
    """

    kind: PartingKind
    line: int
    code: str
    function: str
    visit: int
    values: Mapping[str, str] = field(default_factory=dict)
    variable: str = ""
    observed: str | None = None
    expected: str | None = None
    swapped: bool = False
    next_line: int | None = None
    correct_next: int | None = None


def first_parting(
    faulty: Sequence[Step], reference: Sequence[Step], faulty_code: str, reference_code: str
) -> Parting | None:
    """Return where the runs part, None when every common step agrees (then the result itself is computed wrongly)."""
    return _Walk(faulty, reference, faulty_code, reference_code).run()


def last_return(trace: Sequence[Step], code: str) -> int | None:
    """Return the line that gave the result of a run that parts nowhere: the last one executed that decides a value."""
    if not trace:
        return None
    last = trace[-1]
    if decides(place_at(code, last.line).node):
        return last.line
    outer = max((index for index, step in enumerate(trace) if step.depth < last.depth), default=None)
    if outer is not None and not isinstance(place_at(code, trace[outer].line).node, ast.Return):
        return trace[outer].line
    inner = [step.line for step in trace[(outer or 0) :] if _hands_out(place_at(code, step.line))]
    return inner[-1] if inner else (last if outer is None else trace[outer]).line


def _hands_out(place: Place) -> bool:
    return isinstance(place.node, ast.Expr) and decides(place.node)


def locals_before(trace: Sequence[Step], index: int) -> dict[str, str]:
    """Return the locals of the frame of step `index` just before its line ran."""
    depth, found = trace[index].depth, dict(trace[index].changed)
    for step in reversed(trace[:index]):
        if step.depth < depth:
            break
        if step.depth == depth:
            found = {**step.changed, **found}
    return found


class _Walk:
    """Two cursors that go through two traces together; a step without counterpart is taken alone."""

    def __init__(self, faulty: Sequence[Step], reference: Sequence[Step], code: str, reference_code: str) -> None:
        self.faulty, self.reference, self.code = faulty, reference, code
        self.map = line_map(code, reference_code)
        self.back = {right: left for left, right in self.map.items()}
        self.ours: dict[int, dict[str, str]] = {}
        self.theirs: dict[int, dict[str, str]] = {}
        self.touched: set[str] = set()
        self.lost = False

    def run(self) -> Parting | None:
        at = other = 0
        while at < len(self.faulty) and other < len(self.reference):
            mine, right = self.faulty[at], self.reference[other]
            alone, right_alone = mine.line not in self.map, right.line not in self.back
            if alone or right_alone:
                at, other = at + self._take(self.ours, mine, alone), other + self._take(self.theirs, right, right_alone)
                self.lost = self.lost or right_alone
                continue
            if self.map[mine.line] != right.line or mine.depth != right.depth:
                return self._branch(at, right)
            self._take(self.ours, mine, True)
            self._take(self.theirs, right, True)
            if wrong := self._different(mine.depth):
                return self._value(at, wrong)
            self.touched, self.lost = set(), False
            at, other = at + 1, other + 1
        return self._ended(at, other)

    def _take(self, frames: dict[int, dict[str, str]], step: Step, taken: bool) -> int:
        if taken:
            frames.setdefault(step.depth, {}).update(
                (name, _ADDRESS.sub("", text)) for name, text in step.changed.items()
            )
            self.touched |= step.changed.keys()
        return int(taken)

    def _different(self, depth: int) -> list[str]:
        ours, theirs = self.ours.get(depth, {}), self.theirs.get(depth, {})
        return sorted(name for name in self.touched if name[:1] != "." and ours.get(name) != theirs.get(name))

    def _value(self, at: int, wrong: list[str]) -> Parting:
        step = self.faulty[at]
        ours, theirs = self.ours.get(step.depth, {}), self.theirs.get(step.depth, {})
        before, kind = self._responsible(at)
        if kind == "value" and self.lost and self.faulty[before].line in self.map:
            kind = "lost"
        given = set(parameters(place_at(self.code, step.line).function))
        if kind == "default" and (self.lost or not set(wrong) & given):
            kind = "lost"
        name = _preferred(wrong, place_at(self.code, self.faulty[before].line))
        swapped = len(wrong) == 2 and [ours.get(each) for each in wrong] == [
            theirs.get(each) for each in reversed(wrong)
        ]
        return self._parting(
            before,
            kind,
            name,
            ours.get(name),
            theirs.get(name),
            swapped=swapped,
            next_line=step.line,
            correct=step.line,
        )

    def _responsible(self, at: int) -> tuple[int, PartingKind]:
        """Return the step that made the state seen at step `at`: the line before in its frame, or its caller."""
        step = self.faulty[at]
        if not self._is_entry(at):
            before = next((i for i in range(at - 1, -1, -1) if self.faulty[i].depth <= step.depth), None)
            if before is not None and self.faulty[before].depth == step.depth:
                return self._callee_or(before, at), "value"
        caller = next((i for i in range(at - 1, -1, -1) if self.faulty[i].depth < step.depth), None)
        return (at, "default") if caller is None else (caller, "argument")

    def _is_entry(self, at: int) -> bool:
        step = self.faulty[at]
        place = place_at(self.code, step.line)
        names = parameters(place.function)
        first = place.function is not None and _first_line(place) >= step.line
        return at == 0 or (first and bool(names) and set(names) <= step.changed.keys())

    def _callee_or(self, before: int, at: int) -> int:
        """Return the last step of a call that the line `before` made, when its result and not the line is in doubt."""
        inner = at - 1
        if inner == before or self.faulty[inner].line not in self.map:
            return before
        caller, callee = (place_at(self.code, self.faulty[i].line) for i in (before, inner))
        if callee.node is caller.node or not decides(callee.node):
            return before
        seen_before = any(step.line == self.faulty[inner].line for step in self.faulty[:before])
        return inner if passes_on(caller.node) or not seen_before else before

    def _branch(self, at: int, right: Step) -> Parting:
        if at == 0:
            return self._parting(0, "went_on", next_line=self.faulty[0].line, correct=self.back.get(right.line))
        step = self.faulty[at]
        shallow = min(step.depth, right.depth)
        before = next((i for i in range(at - 1, -1, -1) if self.faulty[i].depth <= shallow), at - 1)
        if isinstance(place_at(self.code, self.faulty[before].line).node, _CHOOSERS):
            before = self._callee_or(before, at)
        kind: PartingKind = "lost" if self.lost and self.faulty[at - 1].line in self.map else "branch"
        if kind == "branch" and self._jumps(at, before):
            before, kind = at, "jump"
        return self._parting(before, kind, next_line=step.line, correct=self.back.get(right.line))

    def _jumps(self, at: int, before: int) -> bool:
        """Return whether step `at` stands where it should not: nothing before it chose a way."""
        node, last = (place_at(self.code, self.faulty[index].line).node for index in (at, before))
        if isinstance(node, ast.ExceptHandler) or isinstance(last, _CHOOSERS):
            return False
        if self.faulty[at].depth != self.faulty[before].depth:
            return False
        return isinstance(node, _JUMPS) or self.faulty[at].line > self.faulty[before].line

    def _ended(self, at: int, other: int) -> Parting | None:
        if at < len(self.faulty) and (at or self.lost):
            return self._parting(max(at - 1, 0), "went_on", next_line=self.faulty[at].line)
        if other < len(self.reference) and at:
            return self._parting(at - 1, "ended", correct=self.back.get(self.reference[other].line))
        return None

    def _parting(
        self,
        index: int,
        kind: PartingKind,
        variable: str = "",
        observed: str | None = None,
        expected: str | None = None,
        *,
        swapped: bool = False,
        next_line: int | None = None,
        correct: int | None = None,
    ) -> Parting:
        line = self.faulty[index].line
        place = place_at(self.code, line)
        if kind == "default" and place.function:
            place = place_at(self.code, place.function.lineno)
        return Parting(
            kind=kind,
            line=place.node.lineno if kind == "default" and place.node else line,
            code=place.text,
            function=place.name,
            visit=sum(step.line == line for step in self.faulty[: index + 1]),
            values=locals_before(self.faulty, index),
            variable=variable,
            observed=observed,
            expected=expected,
            swapped=swapped,
            next_line=next_line,
            correct_next=correct,
        )


def _first_line(place: Place) -> int:
    assert place.function is not None
    body = place.function.body
    starts_with_text = len(body) > 1 and "Constant" in type(getattr(body[0], "value", None)).__name__
    return header_lines(body[int(starts_with_text)]).start


def _preferred(names: list[str], place: Place) -> str:
    """Return the variable that the line itself sets, when it is among the differing ones."""
    return next((name for name in names if re.match(rf".*\b{re.escape(name)}\b", place.text)), names[0])
