"""From evidence to a diagnosis in words: the failing case, how its two sides relate, and where the run departs.

Nothing here knows which fault was injected. The reference serves twice: its trace on the same input says what a correct
run does, and its text tells which lines of the two programs are the same. Its code is never shown.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

from mendloop.agents.procedural.code_lines import Place, place_at, raise_lines
from mendloop.agents.procedural.constructs import Construct, construct_of
from mendloop.agents.procedural.inference import Evidence, infer, local_relation
from mendloop.agents.procedural.lessons import lesson_of
from mendloop.agents.procedural.literals import Relation
from mendloop.agents.procedural.relations import relate
from mendloop.agents.procedural.relations_calls import argument_texts
from mendloop.agents.procedural.relations_raising import read_exit
from mendloop.agents.procedural.traces import Parting, first_parting, last_return, locals_before
from mendloop.agents.procedural.wording import symptom_of, text_of_evidence
from mendloop.executions import Raised, Step
from mendloop.records import Diagnosis, Failure

_TYPE_RELATIONS = frozenset({
    "text_of_value", "value_of_text", "bytes_and_text", "other_container", "lazy_and_eager", "wrapped",
    "unwrapped", "bool_instead_of_number", "value_instead_of_bool", "other_type", "none_instead_of_value",
    "value_instead_of_none",
})  # fmt: skip
_ERROR_TYPES = {
    "argument_mutated": "MutatedArgument",
    "remembers_earlier_call": "SharedState",
    "value_instead_of_exception": "MissingException",
    "timed_out": "Timeout",
    "memory": "MemoryLimit",
    "no_result": "NoResult",
    "unencodable": "WrongType",
}
STEPS_KEPT = 2_000
"""Steps at which a trace is cut; a shorter one is taken as whole."""

_STATUS_TEXT = {"timeout": "timed out", "memory": "memory", "missing": "no result", "unencodable": "unencodable"}


def diagnose(
    failure: Failure,
    *,
    call_text: str,
    faulty_code: str,
    reference_code: str,
    faulty_trace: Sequence[Step],
    reference_trace: Sequence[Step],
    observed_error: Raised | None = None,
) -> Diagnosis:
    """Return what the evidence of one failing case says about the faulty program. Never raises.

    The traces are those of the failing case, of the faulty program and of the reference; either may be empty or cut.
    """
    relation = _relation(failure, call_text, faulty_code, observed_error)
    parting = first_parting(faulty_trace, reference_trace, faulty_code, reference_code)
    place = _place(parting, faulty_trace, faulty_code, observed_error)
    complete = all(0 < len(trace) < STEPS_KEPT for trace in (faulty_trace, reference_trace))
    evidence = _evidence(relation, parting, place, failure, trace=faulty_trace, complete=complete, error=observed_error)
    fault = infer(evidence)
    return Diagnosis(
        fault=fault,
        error_type=_error_type(relation, evidence),
        line=place.line if place else None,
        symptom=symptom_of(failure, call_text),
        text=text_of_evidence(failure, call_text, evidence, fault),
        lesson=lesson_of(fault, evidence.construct),
    )


def _relation(failure: Failure, call_text: str, code: str, error: Raised | None) -> Relation:
    observed = failure.observed
    if failure.status in _STATUS_TEXT:
        observed = _STATUS_TEXT[failure.status]
    elif error and read_exit(observed) is None and failure.status == "error":
        observed = f"raises {error.type}: {error.message}"
    return relate(
        failure.expected,
        observed,
        arguments=argument_texts(call_text),
        call=call_text,
        setup=failure.case.setup,
        deliberate=error is not None and error.line in raise_lines(code),
    )


def _place(parting: Parting | None, trace: Sequence[Step], code: str, error: Raised | None) -> Place | None:
    """Return where to look: the parting, else the line that raised, else the line that gave the result."""
    if parting:
        return place_at(code, parting.line)
    line = error.line if error and error.line else last_return(trace, code)
    return place_at(code, line) if line else None


def _evidence(
    relation: Relation,
    parting: Parting | None,
    place: Place | None,
    failure: Failure,
    *,
    trace: Sequence[Step],
    complete: bool,
    error: Raised | None,
) -> Evidence:
    told = read_exit(failure.observed)
    raised = error.type if error else (told.type if told else "")
    message = error.message if error else (told.message if told else "")
    shown = place or Place(0, None, "", None)
    values = parting.values if parting else _values_at(shown.line, trace)
    return Evidence(
        relation=relation,
        parting=parting,
        place=shown,
        construct=_construct(shown, values, parting),
        values=values,
        local=local_relation(parting),
        raised=raised,
        message=message,
        raised_at=error.line if error else None,
        complete=complete,
    )


def _values_at(line: int, trace: Sequence[Step]) -> dict[str, str]:
    index = max((index for index, step in enumerate(trace) if step.line == line), default=None)
    return {} if index is None else locals_before(trace, index)


def _construct(place: Place, values: Mapping[str, str], parting: Parting | None) -> Construct:
    """Return the construct of a line in this run; a constant given to a variable that has a value starts nothing."""
    if parting and parting.kind == "argument":
        return "call"
    if parting and parting.kind == "lost" and isinstance(place.node, ast.If | ast.For | ast.While):
        return _passed_over(place.node, parting.next_line or 0)
    construct = construct_of(place.node)
    match place.node:
        case ast.Assign(targets=[ast.Name(id=name)]) if construct == "initial" and name in values:
            return "constant"
    return construct


def _passed_over(node: ast.If | ast.For | ast.While, next_line: int) -> Construct:
    """Return what a lost statement after a branch or a loop is about, by whether its body ran next."""
    inside = node.body[0].lineno <= next_line <= (node.body[-1].end_lineno or 0)
    if isinstance(node, ast.If):
        return "other" if inside else "truth"
    return "loop" if inside else "other"


def _error_type(relation: Relation, evidence: Evidence) -> str:
    if evidence.raised and relation.name.startswith(("raises_", "other_exception", "other_message")):
        return evidence.raised
    if relation.name in _TYPE_RELATIONS:
        return "WrongType"
    return _ERROR_TYPES.get(relation.name, "WrongValue")
