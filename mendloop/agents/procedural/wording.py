"""The sentences of a diagnosis. Which ones are written, and how, depends on the evidence alone."""

from __future__ import annotations

import ast
from collections.abc import Callable

from mendloop.agents.procedural.code_lines import expressions
from mendloop.agents.procedural.inference import Evidence
from mendloop.agents.procedural.lessons import look_at
from mendloop.agents.procedural.literals import UNREAD, ordinal, plural, quote, show
from mendloop.agents.procedural.peeking import worth
from mendloop.agents.procedural.relations_raising import read_exit
from mendloop.agents.procedural.traces import Parting
from mendloop.records import Failure

CODE_SHOWN = 90
_NO_OUTCOME = {
    "timeout": "does not come to an end within its time",
    "memory": "runs out of memory",
    "missing": "ends without any result",
    "unencodable": "returns something that is no plain value",
}


def symptom_of(failure: Failure, call_text: str) -> str:
    """Return one sentence: what was called, what should come and what came."""
    call = quote(call_text or failure.case.stdin or "", 120)
    return f"{call} should {_due(failure.expected)}, but it {_came(failure)}."


def text_of_evidence(failure: Failure, call_text: str, evidence: Evidence, code: str) -> str:
    """Return the diagnosis in three to six sentences."""
    sentences = [
        symptom_of(failure, call_text),
        evidence.relation.sentence if not _repeats(failure, evidence) else "",
        _departure(evidence, code),
        _circumstances(evidence),
        _advice(evidence),
        _others(failure),
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def _repeats(failure: Failure, evidence: Evidence) -> bool:
    return evidence.relation.name == "differs" and failure.status == "fail"


def _due(expected: str) -> str:
    exit_ = read_exit(expected)
    if exit_:
        return f"raise {quote(exit_.type)}"
    name, equals, value = expected.partition(" = ")
    return f"leave {quote(value)} in `{name}`" if equals and name.isidentifier() else f"give {quote(expected)}"


def _came(failure: Failure) -> str:
    if failure.status in _NO_OUTCOME:
        return _NO_OUTCOME[failure.status]
    exit_ = read_exit(failure.observed)
    if exit_:
        return f"raises {quote(f'{exit_.type}: {exit_.message}' if exit_.message else exit_.type, 100)}"
    name, equals, value = failure.observed.partition(" = ")
    if equals and name.isidentifier():
        return f"leaves {quote(value)} there"
    return f"gives {quote(failure.observed)}"


def _departure(evidence: Evidence, code: str) -> str:
    parting = evidence.parting
    if parting:
        return _DEPARTURES[parting.kind](parting, evidence)
    if not evidence.place.line:
        return ""
    at = _at(evidence.place.line, evidence.place.text, evidence.place.name)
    if evidence.raised and evidence.relation.name.startswith(("raises_", "other_")):
        return f"Up to {at} every line and every local variable is as in a correct run; the error comes from there."
    return f"Every line executed, and every local variable, is as in a correct run, so the result itself is made wrongly by {at}."


def _at(line: int, text: str, function: str) -> str:
    within = f" of `{function}`" if function else ""
    return f"line {line}{within}, {quote(text, CODE_SHOWN)}"


def _where(parting: Parting) -> str:
    times = f" when it runs for the {ordinal(parting.visit)} time" if parting.visit > 1 else ""
    return f"{_at(parting.line, parting.code, parting.function)}{',' if times else ''}{times}"


def _value(parting: Parting, evidence: Evidence) -> str:
    name = parting.variable
    if parting.observed is None:
        return f"The run is a correct one up to {_where(parting)}: afterwards `{name}` is still unset, and {_should_be(parting)}."
    start = f"The first wrong value appears after {_where(parting)}: `{name}` is {quote(parting.observed)} there"
    if parting.expected is None:
        return f"{start}, while a correct run sets no `{name}` at this point."
    return f"{start}, and {_should_be(parting)}.{_local(evidence)}"


def _should_be(parting: Parting) -> str:
    return f"in a correct run it is {quote(parting.expected or '')}"


def _local(evidence: Evidence) -> str:
    same = evidence.local is None or evidence.local.name in (evidence.relation.name, "differs")
    return "" if same or evidence.local is None else f" {evidence.local.sentence}"


def _branch(parting: Parting, evidence: Evidence) -> str:
    went = f"it goes on to line {parting.next_line}" if parting.next_line else "it ends"
    due = (
        f"a correct run goes to line {parting.correct_next}"
        if parting.correct_next
        else "a correct run takes another way"
    )
    if isinstance(evidence.place.node, ast.For | ast.While) and parting.next_line and parting.correct_next:
        inside = _inside(evidence, parting.next_line), _inside(evidence, parting.correct_next)
        if inside == (True, False):
            return f"The runs part at {_where(parting)}: the loop starts another round, while a correct run is done with it."
        if inside == (False, True):
            return f"The runs part at {_where(parting)}: the loop is left, while a correct run does another round."
    return f"The runs part at {_where(parting)}: from there {went}, while {due}."


def _inside(evidence: Evidence, line: int) -> bool:
    node = evidence.place.node
    assert isinstance(node, ast.For | ast.While)
    return node.body[0].lineno <= line <= (node.body[-1].end_lineno or 0)


def _lost(parting: Parting, evidence: Evidence) -> str:
    if parting.variable:
        seen = quote(parting.observed) if parting.observed is not None else "unset"
        return (
            f"A correct run does one thing more right after {_where(parting)}: by line {parting.next_line} "
            f"its `{parting.variable}` is {quote(parting.expected or 'unset')}, where this run still has {seen}."
        )
    return f"Right after {_where(parting)}, a correct run does something that this one leaves out, and then goes another way."


def _argument(parting: Parting, evidence: Evidence) -> str:
    got, due = quote(parting.observed or "unset"), quote(parting.expected or "unset")
    swapped = " The two values have changed places." if parting.swapped else _local(evidence)
    return f"The call made at {_where(parting)}, passes {got} as `{parting.variable}`, where a correct run passes {due}.{swapped}"


def _default(parting: Parting, evidence: Evidence) -> str:
    return (
        f"The run starts out wrong: at {_where(parting)}, `{parting.variable}` is {quote(parting.observed or 'unset')}, "
        f"where a correct run begins with {quote(parting.expected or 'unset')}."
    )


def _ended(parting: Parting, evidence: Evidence) -> str:
    how = f"breaks off with {quote(evidence.raised)}" if evidence.raised else "is over"
    return f"All is well until {_where(parting)}: there the run {how}, and a correct one goes on{_onwards(parting)}."


def _onwards(parting: Parting) -> str:
    return f" with line {parting.correct_next}" if parting.correct_next else ""


def _went_on(parting: Parting, evidence: Evidence) -> str:
    return f"After {_where(parting)}, a correct run is finished, but this one goes on to line {parting.next_line}."


_DEPARTURES: dict[str, Callable[[Parting, Evidence], str]] = {
    "value": _value,
    "branch": _branch,
    "lost": _lost,
    "argument": _argument,
    "default": _default,
    "ended": _ended,
    "went_on": _went_on,
}


def _circumstances(evidence: Evidence) -> str:
    """Return what the names on the line were worth just before it ran."""
    if evidence.parting is None:
        return ""
    told = _verdicts(evidence, evidence.parting) or _names(evidence, evidence.parting)
    return f"At that moment {told}." if told else ""


def _verdicts(evidence: Evidence, parting: Parting) -> str:
    if not isinstance(evidence.place.node, ast.If | ast.While):
        return ""
    for node in expressions(evidence.place.node):
        if not isinstance(node, ast.Compare) or len(node.ops) != 1:
            continue
        left, right = worth(node.left, parting.values), worth(node.comparators[0], parting.values)
        if left is UNREAD or right is UNREAD:
            continue
        verdict = worth(node, parting.values)
        sides = [
            f"{quote(ast.unparse(side))} is {show(value)}"
            for side, value in ((node.left, left), (node.comparators[0], right))
            if not isinstance(side, ast.Constant)
        ]
        so = "" if verdict is UNREAD else f", which makes {quote(ast.unparse(node))} {'true' if verdict else 'false'}"
        return " and ".join(sides) + so if sides else ""
    return ""


def _names(evidence: Evidence, parting: Parting) -> str:
    used = [node.id for node in expressions(evidence.place.node) if isinstance(node, ast.Name) and node.id != "self"]
    known = [name for name in dict.fromkeys(used) if name in parting.values and name != parting.variable]
    plain = [name for name in known if " at 0x" not in parting.values[name] and "<" not in parting.values[name][:1]]
    told = [f"`{name}` was {quote(parting.values[name], 48)}" for name in plain[:3]]
    return ", ".join(told[:-1]) + (" and " if len(told) > 1 else "") + told[-1] if told else ""


def _advice(evidence: Evidence) -> str:
    return f"{look_at(evidence.construct)}." if evidence.place.line else ""


def _others(failure: Failure) -> str:
    if failure.also_failing == 0 and failure.passing == 0:
        return ""
    if failure.passing == 0:
        return (
            f"No case passes yet; {plural(failure.also_failing, 'other case')} fail too."
            if failure.also_failing
            else ""
        )
    verb = "passes" if failure.passing == 1 else "pass"
    if failure.also_failing == 0:
        return f"It is the only failing case; {plural(failure.passing, 'other')} {verb}, so only special inputs are affected."
    fails = "fails" if failure.also_failing == 1 else "fail"
    return f"{plural(failure.also_failing, 'other case')} {fails} as well and {failure.passing} {verb}."
