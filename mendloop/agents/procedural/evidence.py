"""What a source says about the use of its functions: doctests, and calls with literal arguments."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from mendloop.agents.asserts.expressions import expression, is_about, is_literal, needed
from mendloop.agents.procedural.purity import BUILTINS
from mendloop.judgement.calls import literal, parse_arguments
from mendloop.records import Case

_CALL = re.compile(r"(?<![\w.])(?:(\w+)\.)?([A-Za-z_]\w*)\((['\"\d\[({\-bru][^\n]{0,100})")
_BLOCK = re.compile(r"^[ \t]*>>> .*(?:\n(?![ \t]*$|[ \t]*>>>).*)*", re.MULTILINE)


@dataclass
class SeenCalls:
    """Calls of one name with literal arguments, each with the name before the dot and the text it stood in."""

    calls: list[tuple[str, str, str]] = field(default_factory=list)

    def near(self, own_text: str, module: str) -> list[str]:
        """Return the calls in the function's own file, then those in files that mention its module."""
        word = module.rpartition(".")[2]
        own = [call for call, prefix, text in self.calls if text is own_text and prefix in ("", word)]
        others = [call for call, prefix, text in self.calls if text is not own_text and _means(prefix, word, text)]
        return list(dict.fromkeys(own + others))


def _means(prefix: str, module: str, text: str) -> bool:
    """True when a call in another file plausibly is one into `module`."""
    return prefix == module if prefix else re.search(rf"\b{module} import\b", text) is not None


def collect_calls(texts: Iterable[str]) -> dict[str, SeenCalls]:
    """Find calls whose arguments are all literals, also in comments and documentation, by the name that is called."""
    found: dict[str, SeenCalls] = {}
    for text in texts:
        for match in _CALL.finditer(text):
            prefix, name, rest = match[1] or "", match[2], match[3]
            if (prefix or name not in BUILTINS) and (call := _literal_call(name, rest)):
                found.setdefault(name, SeenCalls()).calls.append((call, prefix, text))
    return found


def _literal_call(name: str, rest: str) -> str | None:
    """Return `name(args)` when the text after the bracket closes it on the line and holds only literals."""
    for end in (m.start() for m in re.finditer(r"\)", rest)):
        if arguments := parse_arguments(f"{name}({rest[:end]})"):
            values, named = arguments
            shown = [*map(literal, values), *(f"{key}={literal(value)}" for key, value in named.items())]
            return f"{name}({', '.join(shown)})"
    return None


# --- doctests --------------------------------------------------------------------------------------------------------


def without_doctests(docstring: str) -> str:
    """Return the prose of a docstring."""
    return re.sub(r"\n{3,}", "\n\n", _BLOCK.sub("", docstring)).strip()


def doctest_cases(name: str, docstring: str) -> list[Case]:
    """Parse the doctests of a docstring that call `name` into cases; what cannot be judged by value is left out."""
    if ">>>" not in docstring:
        return []
    import doctest

    try:
        examples = doctest.DocTestParser().get_examples(docstring)
    except ValueError:
        return []
    cases: list[Case] = []
    setup: list[str] = []
    for example in examples:
        text = _without_comment(example.source.strip())
        if _is_setup(text):
            setup.append(text)
        elif case := _doctest_case(f"d{len(cases) + 1:02d}", name, text, example.want, setup):
            cases.append(case)
    return cases


def _without_comment(text: str) -> str:
    node = expression(text) if "#" in text else None
    return ast.unparse(node) if node is not None else text


def _doctest_case(ident: str, name: str, text: str, want: str, setup: list[str]) -> Case | None:
    lines = needed(text, setup)
    if not is_about(text, name, lines):
        return None
    prepared = "; ".join(lines) or None
    if want.startswith("Traceback"):
        raised = re.match(r"[\w.]*?(\w+)(?::|$)", want.strip().splitlines()[-1])
        return Case(id=ident, call=text, raises=raised[1], setup=prepared, origin="doctest") if raised else None
    expected = want.strip() or "None"
    return (
        Case(id=ident, call=text, expect=expected, setup=prepared, origin="doctest") if is_literal(expected) else None
    )


def _is_setup(text: str) -> bool:
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError):
        return False
    return all(isinstance(node, ast.Assign) and is_literal(ast.unparse(node.value)) for node in body)
