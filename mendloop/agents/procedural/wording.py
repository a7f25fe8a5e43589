"""The sentences of a diagnosis. Which ones are written, and how, depends on the evidence alone."""

from __future__ import annotations

import ast
from collections.abc import Callable

from mendloop.agents.procedural.advice import look_at
from mendloop.agents.procedural.code_lines import expressions
from mendloop.agents.procedural.inference import Evidence, Fault
from mendloop.agents.procedural.literals import UNREAD, ordinal, plural, quote, show
from mendloop.agents.procedural.peeking import worth
from mendloop.agents.procedural.relations_calls import split_after
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
    return _symptom(failure, call_text, brief=False)


def _symptom(failure: Failure, call_text: str, *, brief: bool) -> str:
    """A brief one leaves an exception's message to the sentence about the relation."""
    call = quote(call_text or failure.case.stdin or "", 120)
    return f"{call} should {_due(failure.expected)}, but it {_came(failure, brief)}."


def text_of_evidence(failure: Failure, call_text: str, evidence: Evidence, fault: Fault) -> str:
    """Return the diagnosis in three to six sentences."""
    sentences = [
        _symptom(failure, call_text, brief=True),
        evidence.relation.sentence if not _repeats(failure, evidence) else "",
        _departure(evidence),
        _circumstances(evidence),
        _advice(evidence, fault),
        _others(failure),
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def _repeats(failure: Failure, evidence: Evidence) -> bool:
    return evidence.relation.name == "differs" and failure.status == "fail"


def _due(expected: str) -> str:
    exit_ = read_exit(expected)
    if exit_:
        return f"raise {quote(exit_.type)}"
    value, left = split_after(expected)
    behind = [f" and leave {quote(text)} in `{name}`" for name, text in left.items()]
    return f"give {value if value.startswith('a result with') else quote(value)}{''.join(behind)}"


def _came(failure: Failure, brief: bool) -> str:
    if failure.status in _NO_OUTCOME:
        return _NO_OUTCOME[failure.status]
    exit_ = read_exit(failure.observed)
    if exit_:
        short = brief or not exit_.message
        return f"raises {quote(exit_.type if short else f'{exit_.type}: {exit_.message}', 100)}"
    value, left = split_after(failure.observed)
    return f"gives {quote(value)}{''.join(f' and leaves {quote(text)} there' for text in left.values())}"


def _departure(evidence: Evidence) -> str:
    parting = evidence.parting
    if parting:
        return _DEPARTURES[parting.kind](parting, evidence)
    if not evidence.place.line:
        return ""
    at = _at(evidence.place.line, evidence.place.text, evidence.place.name)
    raised = evidence.raised and evidence.relation.name.startswith(("raises_", "other_"))
    if not evidence.complete:
        return f"The error comes from {at}." if raised else f"As far as it was recorded, the run was last at {at}."
    if raised:
        return f"Up to {at} every line and every local variable is as in a correct run; the error comes from there."
    return (
        "Every line executed and every local variable is as in a correct run, "
        f"so only the result itself can be wrong; it is made by {at}."
    )


def _at(line: int, text: str, function: str) -> str:
    within = f" of `{function}`" if function else ""
    return f"line {line}{within}, {quote(text, CODE_SHOWN)}"


def _where(parting: Parting) -> str:
    times = f" when it runs for the {ordinal(parting.visit)} time" if parting.visit > 1 else ""
    return f"{_at(parting.line, parting.code, parting.function)}{',' if times else ''}{times}"


def _value(parting: Parting, evidence: Evidence) -> str:
    name = parting.variable
    if parting.observed is None:
        return (
            f"The run is a correct one up to {_where(parting)}: afterwards "
            f"`{name}` is still unset, and {_should_be(parting)}."
        )
    start = f"The first wrong value appears after {_where(parting)}: `{name}` is {quote(parting.observed)} there"
    if parting.expected is None:
        return f"{start}, while a correct run sets no `{name}` at this point."
    return f"{start}, and {_should_be(parting)}.{_local(evidence)}"


def _should_be(parting: Parting) -> str:
    return f"in a correct run it is {quote(parting.expected or '')}"


def _local(evidence: Evidence) -> str:
    local = evidence.local
    if local is None or local.name == "differs" or local.sentence in evidence.relation.sentence:
        return ""
    return f" {local.sentence}"


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
            return (
                f"The runs part at {_where(parting)}: the loop starts "
                "another round, while a correct run is done with it."
            )
        if inside == (False, True):
            return f"The runs part at {_where(parting)}: the loop is left, while a correct run does another round."
    return f"The runs part at {_where(parting)}: from there {went}, while {due}."


def _jump(parting: Parting, evidence: Evidence) -> str:
    due = f"a correct run goes on to line {parting.correct_next}" if parting.correct_next else "a correct run goes on"
    return f"The runs part at {_where(parting)}: this run meets it there, while {due}."


def _inside(evidence: Evidence, line: int) -> bool:
    node = evidence.place.node
    assert isinstance(node, ast.For | ast.While)
    return node.body[0].lineno <= line <= (node.body[-1].end_lineno or 0)


def _lost(parting: Parting, evidence: Evidence) -> str:
    start = f"Right at the start of `{parting.function}`, before line {parting.line}, a correct run does one thing more"
    if parting.next_line != parting.line:
        start = f"A correct run does one thing more right after {_where(parting)}"
    if parting.variable:
        seen = "has not set it" if parting.observed is None else f"still has {quote(parting.observed)}"
        return (
            f"{start}: by line {parting.next_line} its `{parting.variable}` is "
            f"{quote(parting.expected or 'unset')}, where this run {seen}."
        )
    return f"{start}, which this one leaves out, and then goes another way."


def _argument(parting: Parting, evidence: Evidence) -> str:
    got, due = quote(parting.observed or "unset"), quote(parting.expected or "unset")
    swapped = " The two values have changed places." if parting.swapped else _local(evidence)
    return (
        f"The call made at {_where(parting)}, passes {got} as "
        f"`{parting.variable}`, where a correct run passes {due}.{swapped}"
    )


def _default(parting: Parting, evidence: Evidence) -> str:
    return (
        f"The run starts out wrong: at {_where(parting)}, "
        f"`{parting.variable}` is {quote(parting.observed or 'unset')}, "
        f"where a correct run begins with {quote(parting.expected or 'unset')}."
    )


def _ended(parting: Parting, evidence: Evidence) -> str:
    if evidence.raised and evidence.raised_at not in (None, parting.line):
        return (
            f"The last line that runs as in a correct run is {_where(parting)}; what it hands on makes line "
            f"{evidence.raised_at} break off with {quote(evidence.raised)}."
        )
    how = f"breaks off with {quote(evidence.raised)}" if evidence.raised else "is over"
    return f"All is well until {_where(parting)}: there the run {how}, and a correct one goes on{_onwards(parting)}."


def _onwards(parting: Parting) -> str:
    return f" with line {parting.correct_next}" if parting.correct_next else ""


def _went_on(parting: Parting, evidence: Evidence) -> str:
    if parting.next_line == parting.line:
        return f"A correct run ends before {_where(parting)}, which this one goes on to."
    return f"After {_where(parting)}, a correct run ends, but this one goes on to line {parting.next_line}."


_DEPARTURES: dict[str, Callable[[Parting, Evidence], str]] = {
    "value": _value,
    "branch": _branch,
    "jump": _jump,
    "lost": _lost,
    "argument": _argument,
    "default": _default,
    "ended": _ended,
    "went_on": _went_on,
}


def _circumstances(evidence: Evidence) -> str:
    """Return what the names on the line were worth just before it ran."""
    told = _verdicts(evidence) or _names(evidence)
    return f"At that moment {told}." if told else ""


def _verdicts(evidence: Evidence) -> str:
    """Return what the comparisons on the line came to: with both sides for a single one, else true or false each."""
    found = [each for each in expressions(evidence.place.node) if isinstance(each, ast.Compare) and len(each.ops) == 1]
    known = [each for each in found if worth(each, evidence.values) is not UNREAD]
    if not known or (len(known) > 1 and isinstance(evidence.place.node, ast.For | ast.While)):
        return ""
    if len(known) == 1:
        return _sides(known[0], evidence)
    told = [f"{quote(ast.unparse(each))} is {_truth(each, evidence)}" for each in known[:3]]
    names = _names(evidence)
    return f"{names}: {', '.join(told)}" if names else ", ".join(told)


def _truth(node: ast.expr, evidence: Evidence) -> str:
    return "true" if worth(node, evidence.values) else "false"


def _sides(node: ast.Compare, evidence: Evidence) -> str:
    sides = [
        f"{quote(ast.unparse(side))} is {show(worth(side, evidence.values))}"
        for side in (node.left, node.comparators[0])
        if not isinstance(side, ast.Constant)
    ]
    return f"{' and '.join(sides)}, which makes {quote(ast.unparse(node))} {_truth(node, evidence)}" if sides else ""


def _names(evidence: Evidence) -> str:
    used = [node.id for node in expressions(evidence.place.node) if isinstance(node, ast.Name) and node.id != "self"]
    known = [name for name in dict.fromkeys(used) if name in evidence.values]
    plain = [name for name in known if " at 0x" not in evidence.values[name] and "<" not in evidence.values[name][:1]]
    told = [f"`{name}` was {quote(evidence.values[name], 48)}" for name in plain[:3]]
    return ", ".join(told[:-1]) + (" and " if len(told) > 1 else "") + told[-1] if told else ""


def _advice(evidence: Evidence, fault: Fault) -> str:
    return f"{look_at(fault, evidence.construct)}." if evidence.place.line else ""


def _verb(count: int) -> str:
    return "fails" if count == 1 else "fail"


def _others(failure: Failure) -> str:
    if failure.also_failing == 0 and failure.passing == 0:
        return ""
    if failure.passing == 0:
        return (
            f"No case passes yet; {plural(failure.also_failing, 'other case')} {_verb(failure.also_failing)} too."
            if failure.also_failing
            else ""
        )
    verb = "passes" if failure.passing == 1 else "pass"
    if failure.also_failing == 0:
        return (
            f"It is the only failing case; {plural(failure.passing, 'other')} "
            f"{verb}{', so only special inputs are affected' if failure.passing > 2 else ''}."
        )
    return (
        f"{plural(failure.also_failing, 'other case')} "
        f"{_verb(failure.also_failing)} as well and {failure.passing} {verb}."
    )
