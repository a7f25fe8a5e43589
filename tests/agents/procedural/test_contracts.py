"""What syntax, annotations and seen calls say about parameters."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from mendloop.agents.procedural.contracts import combinations, guess, in_words
from mendloop.agents.procedural.kinds import KINDS, WORDS, of_annotation, of_value
from mendloop.agents.procedural.purity import NotUsable
from mendloop.agents.procedural.source import Candidate
from mendloop.records import Parameter


def candidate(code: str, *seen: str) -> Candidate:
    node = ast.parse(code).body[-1]
    assert isinstance(node, ast.FunctionDef)
    signature = f"{node.name}({ast.unparse(node.args)})"
    return Candidate(
        id="c", module="m", entry_point=node.name, code=code, names=(), signature=signature,
        docstring=ast.get_docstring(node) or "", file="m.py", line=1, seen=seen,
    )  # fmt: skip


def best(code: str, *seen: str) -> dict[str, str]:
    return combinations(guess(candidate(code, *seen)))[0]


@pytest.mark.parametrize(
    ("code", "kinds"),
    [
        ("def f(q1: int, q2: 'list[str]'): return q1", {"q1": "int", "q2": "list[str]"}),
        ("def f(q): return q.lower().strip()", {"q": "str"}),
        ("def f(q): return q.decode('ascii')", {"q": "bytes"}),
        ("def f(q): return {k: v + 1 for k, v in q.items()}", {"q": "dict[str, int]"}),
        ("def f(q): return [c.upper() for c in q]", {"q": "list[str]"}),
        ("def f(q): return [c + 1 for c in q]", {"q": "list[int]"}),
        ("def f(z): return z % 4 == 0 and z // 100", {"z": "int"}),
        ("def f(q): return [c for c in q if c == ',']", {"q": "str"}),
        ("def f(path): return path.split('/')", {"path": "path"}),
        ("def f(z): return [a for a, b in z]", {"z": "list[tuple[str, int]]"}),
        ("def g(z): return z.lower()\ndef f(q): return g(q)", {"q": "str"}),
        ("def f(heap, item): heap.append(item)", {"heap": "sorted list[int]", "item": "int"}),
        ("def f(a, x):\n    'Find x in a; the list a is sorted.'\n    return a.index(x)", {"a": "sorted list[int]"}),
    ],
)
def test_the_first_guess_fits_the_use(code: str, kinds: dict[str, str]) -> None:
    assert {name: kind for name, kind in best(code).items() if name in kinds} == kinds


def test_a_seen_call_outweighs_the_name() -> None:
    assert best("def f(n): return n", "f('a')") == {"n": "str"}


def test_a_mode_is_chosen_from_what_the_code_compares_it_with() -> None:
    code = "def f(q: int, how='up'):\n    if how == 'up' or how == 'down':\n        return q\n"
    mode = guess(candidate(code))[1]
    assert mode.scored[0][0] == "choice"
    assert mode.seen == ("'up'", "'down'")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("def f(q): return q(1)", "takes a function"),
        ("def f(q): return q.tag", "takes an object"),
        ("def f(q: Node): return q", "takes an object"),
    ],
)
def test_a_function_of_objects_is_refused(code: str, reason: str) -> None:
    with pytest.raises(NotUsable, match=reason):
        guess(candidate(code))


def test_an_optional_function_is_left_out_of_calls() -> None:
    key = guess(candidate("def f(q: list[int], key=None): return sorted(q, key=key) if key(q) else q"))[1]
    assert key.scored == ()


@pytest.mark.parametrize(
    ("annotation", "kinds"),
    [
        ("int | None", ("int", "None")),
        ("Optional[str]", ("str", "None")),
        ("Sequence[float]", ("list[float]",)),
        ("dict[str, int]", ("dict[str, int]",)),
        ("list[list[int]]", ("list[list[int]]",)),
        ("tuple[int, ...]", ("tuple[int, ...]",)),
        ("list[tuple[int, int]]", ("list[tuple[int, int]]",)),
        ("list[tuple[str, int]]", ("list[tuple[str, int]]",)),
        ("tuple[int, int]", ("tuple[int, int]",)),
        ("tuple[str, int, int]", None),
        ("Callable[[int], int]", None),
    ],
)
def test_annotations_are_read(annotation: str, kinds: tuple[str, ...] | None) -> None:
    assert of_annotation(ast.parse(annotation, mode="eval").body) == kinds


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (True, "bool"), (3, "int"), ("a/b", "path"), ([1.5, 2], "list[float]"), ((1, 2), "tuple[int, ...]"),
        ([[1], [2]], "list[list[int]]"), ([("a", 1)], "list[tuple[str, int]]"), ([[("a", None)]], "as seen"),
    ],
)  # fmt: skip
def test_literals_have_kinds(value: object, kind: str) -> None:
    assert of_value(value) == kind


def test_every_kind_has_words() -> None:
    assert set(WORDS) == set(KINDS)


def test_words_name_the_choices() -> None:
    parameter = Parameter(name="how", kinds=("choice",), optional=True, seen=("'up'", "'down'"))
    assert in_words(parameter) == "`how` (optional) is one of `'up'`, `'down'`."


def test_a_narrower_kind_adds_no_words() -> None:
    assert in_words(Parameter(name="name", kinds=("str", "identifier"))) == "`name` is a string."
    assert in_words(Parameter(name="n", kinds=("nonneg int", "None"))) == "`n` is an integer >= 0 or None."


def test_a_candidate_knows_its_node(tmp_path: Path) -> None:
    assert candidate("def g(): pass\ndef f(q): return q").node.name == "f"
