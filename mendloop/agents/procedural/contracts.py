"""Inferring a contract: which kinds of value each parameter plausibly takes, best guess first.

A guess is only a guess: the survey tries guesses in the sandbox, and what does not work is dropped. Narrow contracts
are preferred, since an input outside the contract makes right code look wrong.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mendloop.agents.procedural.hints import Use, uses_in
from mendloop.agents.procedural.kinds import FAMILIES, WIDER, WORDS, of_annotation, of_value
from mendloop.agents.procedural.purity import NotUsable
from mendloop.agents.procedural.source import Candidate
from mendloop.judgement.calls import literal, parse_arguments
from mendloop.records import Contract, Evidence, Parameter

MAX_KINDS = 6
"""Kinds tried per parameter."""
MAX_COMBINATIONS = 12
FALLBACK = ("str", "int", "list[int]", "list[str]", "float", "bytes", "dict[str, int]")


@dataclass(frozen=True)
class Guess:
    """What one parameter may take: kinds with scores, best first; no kinds means that it is left out of calls."""

    name: str
    optional: bool
    scored: tuple[tuple[str, float], ...]
    seen: tuple[str, ...]
    annotated: bool


def guess(candidate: Candidate) -> tuple[Guess, ...]:
    """Guess the kinds of every parameter; raises NotUsable when a required one takes what cannot be written down."""
    node = candidate.node
    helpers = {n.name: n for n in ast.parse(candidate.code).body if isinstance(n, ast.FunctionDef)}
    uses = uses_in(node, helpers)
    seen = seen_arguments(candidate)
    return tuple(
        _ordered(
            _one(argument, default, star, uses.get(argument.arg, Use()), seen.get(argument.arg, [])),
            candidate.docstring,
        )
        for argument, default, star in arguments(node)
    )


def arguments(node: ast.FunctionDef) -> list[tuple[ast.arg, ast.expr | None, bool]]:
    """Return a function's parameters as (argument, default, is *args); `**kwargs` is never passed."""
    plain = [*node.args.posonlyargs, *node.args.args]
    defaults = [None] * (len(plain) - len(node.args.defaults)) + list(node.args.defaults)
    found = [(argument, default, False) for argument, default in zip(plain, defaults, strict=True)]
    if node.args.vararg:
        found.append((node.args.vararg, None, True))
    return found + [(a, d, False) for a, d in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)]


def seen_arguments(candidate: Candidate) -> dict[str, list[str]]:
    """Return the literals that calls seen in the source pass for each parameter."""
    node = candidate.node
    names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
    found: dict[str, list[str]] = {}
    for call in candidate.seen:
        for inner in _calls_of(call, candidate.entry_point):
            values, named = parse_arguments(inner) or ([], {})
            pairs = [*zip(names, values, strict=False), *named.items()]
            for name, value in pairs:
                found.setdefault(name, []).append(literal(value))
    return {name: list(dict.fromkeys(texts)) for name, texts in found.items()}


def _calls_of(text: str, name: str) -> list[str]:
    try:
        tree = ast.parse(text, mode="eval")
    except SyntaxError:
        return []
    calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]
    return [ast.unparse(n) for n in calls if isinstance(n.func, ast.Name) and n.func.id == name]


def _one(argument: ast.arg, default: ast.expr | None, star: bool, use: Use, seen: list[str]) -> Guess:
    optional = default is not None or star
    annotated = of_annotation(argument.annotation)
    if annotated is None or use.undrawable:
        if not optional:
            raise NotUsable(use.undrawable or "takes an object")
        return Guess(argument.arg, True, (), (), annotated=False)
    scores = dict(use.scores)
    for place, kind in enumerate(annotated):
        scores[kind] = scores.get(kind, 0) + 10 - place
    for text in seen:
        if seen_kind := of_value(ast.literal_eval(text)):
            scores[seen_kind] = scores.get(seen_kind, 0) + 8 / len(seen) + 1
    if default is not None:
        _add_default(default, scores)
    choices = _choices(argument.annotation, default, use)
    if choices:
        scores, seen = {**scores, "choice": max(scores.values(), default=0) + 1}, [*choices, *seen]
    _respect(annotated, scores)
    ranked = sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))[:MAX_KINDS]
    if not optional and (not ranked or ranked[0][1] < 1):
        ranked += [(kind, 0.1) for kind in FALLBACK if kind not in scores]
    return Guess(argument.arg, optional, tuple(ranked), tuple(seen[:12]), bool(annotated))


def _ordered(of: Guess, docstring: str) -> Guess:
    """Narrow lists to sorted ones where the documentation asks for them; a sorted list is a heap as well."""
    name = re.escape(of.name)
    asked = re.search(rf"\b{name}\b[^.]{{0,40}}\b(is|are|be|already) sorted|sorted [^.]{{0,20}}\b{name}\b", docstring)
    if not asked and of.name != "heap":
        return of
    scored = tuple((f"sorted {kind}" if kind in ("list[int]", "list[float]") else kind, s) for kind, s in of.scored)
    return replace(of, scored=scored)


def _respect(annotated: tuple[str, ...], scores: dict[str, float]) -> None:
    """An annotation is a promise: what it does not name (or a narrower form of it) is not tried."""
    if not annotated:
        return
    allowed = set(annotated) | {"choice"}
    for family in FAMILIES[:2]:
        if family & set(annotated) - {"float"}:
            allowed |= family - {"float"}
    for kind in [kind for kind in scores if kind not in allowed]:
        del scores[kind]


def _add_default(default: ast.expr, scores: dict[str, float]) -> None:
    try:
        kind = of_value(ast.literal_eval(default))
    except (ValueError, TypeError):
        return
    if kind and kind != "None":
        scores[kind] = scores.get(kind, 0) + 3


def _choices(annotation: ast.expr | None, default: ast.expr | None, use: Use) -> list[str]:
    """Return the literal texts a parameter is chosen from, when it is a mode and not free text."""
    if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value).endswith("Literal"):
        parts = annotation.slice.elts if isinstance(annotation.slice, ast.Tuple) else [annotation.slice]
        return [ast.unparse(part) for part in parts]
    values = [value for value in use.choices if isinstance(value, str) and len(value) > 1]
    if isinstance(default, ast.Constant) and isinstance(default.value, str):
        values = [default.value, *values] if values else []
    return list(dict.fromkeys(map(literal, values))) if len(set(values)) > 1 else []


def combinations(guesses: Sequence[Guess]) -> list[dict[str, str]]:
    """Return assignments of one kind to each required parameter, the most plausible first."""
    required = [g for g in guesses if not g.optional] or [g for g in guesses if g.scored][:1]
    ranked = sorted(
        itertools.product(*(range(len(g.scored)) for g in required)),
        key=lambda places: (-plausibility(required, _named(required, places)), sum(places), places),
    )
    return [_named(required, places) for places in ranked[:MAX_COMBINATIONS]]


def _named(required: Sequence[Guess], places: Sequence[int]) -> dict[str, str]:
    return {g.name: g.scored[place][0] for g, place in zip(required, places, strict=True)}


def plausibility(guesses: Sequence[Guess], combination: dict[str, str]) -> float:
    """Return how well a combination fits the hints, from 0 to 1, and a little more when its types go together."""
    bases = {kind.removeprefix("sorted ").rpartition("[")[2].strip("].,") for kind in combination.values()}
    together = 0.15 if len(combination) > 1 and len(bases) == 1 else 0
    return _fit(guesses, combination) + together


def _fit(guesses: Sequence[Guess], combination: dict[str, str]) -> float:
    weights = [dict(g.scored)[combination[g.name]] / (g.scored[0][1] or 1) for g in guesses if g.name in combination]
    return sum(weights) / len(weights) if weights else 0


def same_family(one: str, other: str) -> bool:
    """True when two kinds are variations of each other, so that one contract may name both.

    Floats widen to whole numbers, not the reverse: what counts or indexes is no float, even where one gets through.
    """
    if "float" in other and "float" not in one:
        return False
    return any({one, other} <= family for family in FAMILIES)


def contract_of(guesses: Sequence[Guess], kinds: dict[str, tuple[str, ...]], evidence: Sequence[Evidence]) -> Contract:
    """Return the contract in which the named parameters take `kinds`; the others are never passed."""
    parameters = tuple(
        Parameter(name=g.name, kinds=kinds.get(g.name, ()), optional=g.optional, seen=g.seen) for g in guesses
    )
    return Contract(parameters=parameters, evidence=tuple(evidence), notes="\n".join(map(in_words, parameters)))


def in_words(parameter: Parameter) -> str:
    """Return one sentence about a parameter."""
    if not parameter.kinds:
        return f"`{parameter.name}` is optional and is not passed."
    shown = [kind for kind in parameter.kinds if WIDER.get(kind) not in parameter.kinds]
    words = " or ".join(WORDS[kind] for kind in shown)
    listed = ", ".join(f"`{text}`" for text in parameter.seen[:6])
    words = words.replace(WORDS["choice"], f"one of {listed}")
    words = words.replace(WORDS["as seen"], "a value such as " + ", ".join(f"`{text}`" for text in parameter.seen[:2]))
    return f"`{parameter.name}`{' (optional)' if parameter.optional else ''} is {words}."
