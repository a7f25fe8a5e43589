"""From a model's answer to a problem: its sections, its signature, its examples."""

from __future__ import annotations

import ast
import re

from mendloop.agents.assertions import parse_cases
from mendloop.agents.prompted.critic import prose
from mendloop.agents.prompted.sections import Malformed, sections_of
from mendloop.frozen import digest
from mendloop.records import Contract, Problem, Source

NAMES = ("SIGNATURE", "STATEMENT", "INPUTS", "EXAMPLES")
MAX_STATEMENT = 4_000
MIN_WORDS = 8
MAX_EXAMPLES = 4
MAX_NAME = 60


def problem_in(text: str, source: Source, concepts: tuple[str, ...], versions: dict[str, str]) -> Problem:
    """Return the problem that an answer states. Raises Malformed saying what it lacks."""
    found = sections_of(text, NAMES)
    entry_point, signature = signature_in(found.get("SIGNATURE", ""))
    said = found.get("STATEMENT", "").strip()
    if len(said.split()) < MIN_WORDS:
        raise Malformed("the section STATEMENT is missing or too short")
    if len(said) > MAX_STATEMENT:
        raise Malformed(f"the section STATEMENT is longer than {MAX_STATEMENT} characters")
    inputs = prose(found.get("INPUTS", ""), 600)
    examples = parse_cases(found.get("EXAMPLES", ""), entry_point, prefix="e", limit=MAX_EXAMPLES).cases
    return Problem(
        id=digest([signature, said])[:16],
        statement=statement_of(signature, said, inputs),
        entry_point=entry_point,
        signature=signature,
        contract=Contract(notes=inputs),
        examples=examples,
        source=source.model_copy(update={"qualname": entry_point}),
        versions=versions,
        cluster=digest(f"{entry_point} {' '.join(concepts)}")[:16],
        concepts=concepts,
    )


def restated_in(text: str, problem: Problem) -> Problem:
    """Return the problem with the statement of an answer; its examples fall, for they may be what was in doubt."""
    found = sections_of(text, NAMES)
    said = found.get("STATEMENT", "").strip()
    if not len(said.split()) >= MIN_WORDS or len(said) > MAX_STATEMENT:
        raise Malformed("the section STATEMENT is missing, too short or too long")
    inputs = prose(found.get("INPUTS", ""), 600) or problem.contract.notes
    statement = statement_of(problem.signature, said, inputs)
    return problem.model_copy(
        update={
            "id": digest([problem.signature, said])[:16],
            "statement": statement,
            "contract": problem.contract.model_copy(update={"notes": inputs}),
            "examples": (),
        }
    )


def statement_of(signature: str, said: str, inputs: str) -> str:
    """Return the statement that solvers read: what to write, what it does, and its inputs.

    A model's examples are generated cases like any other, wrong about one time in five: they are judged with the
    tests, and do not stand in the text, where a wrong one would mislead solvers, testers and whoever trains on it.
    """
    parts = [f"Write the Python function `{signature}`.", said]
    if inputs:
        parts.append(f"Inputs: {inputs}")
    return "\n\n".join(parts) + "\n"


def signature_in(text: str) -> tuple[str, str]:
    """Return the entry point and the signature `name(parameters) -> type` of a line. Raises Malformed."""
    line = next((line for line in text.splitlines() if "(" in line and not line.strip().startswith("```")), "")
    bare = line.strip().strip("`*").removesuffix(":").removesuffix(": ...").removeprefix("def ").strip()
    try:
        tree = ast.parse(f"def {bare}: ...")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise Malformed("the section SIGNATURE must be one line: name(parameter: type, ...) -> type") from error
    node = tree.body[0] if len(tree.body) == 1 else None
    if not isinstance(node, ast.FunctionDef) or node.args.vararg or node.args.kwarg or len(node.name) > MAX_NAME:
        raise Malformed("the section SIGNATURE must be one plain function")
    if not (node.args.args or node.args.posonlyargs or node.args.kwonlyargs):
        raise Malformed("the function has no parameter, so that nothing can be tested")
    try:
        returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
        return node.name, f"{node.name}({ast.unparse(node.args)}){returns}"
    except RecursionError as error:
        raise Malformed("the section SIGNATURE has a default or a type that nests too deeply") from error


def concepts_in(text: str, have: tuple[str, ...]) -> tuple[str, ...]:
    """Return the new concepts of an answer, each once, shortened to its name. Raises Malformed where there is none."""
    known = {_key(concept) for concept in have}
    found: list[str] = []
    for line in text.splitlines():
        match = re.match(r"\s*(?:[-*•]|\d{1,3}[.)])\s+(.{2,200})", line)
        if match is None:
            continue
        name = re.split(r"\s*(?:[:：]|\s[–—]|\s-\s|\(|\*\*\s)", match[1].strip("*_`\"' "))[0].strip("*_`\"'. ")
        if 0 < len(name.split()) <= 10 and _key(name) not in known:
            known.add(_key(name))
            found.append(name)
    if not found:
        raise Malformed("no line begins with `- ` and names a concept")
    return tuple(found)


def _key(concept: str) -> str:
    return " ".join(sorted(word.rstrip("s") for word in re.findall(r"[^\W_]+", concept.lower())))
