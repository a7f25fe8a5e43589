"""The problem statement of a real function: a task in Markdown that a person could solve."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

from mendloop.agents.procedural.contracts import in_words
from mendloop.agents.procedural.evidence import without_doctests
from mendloop.agents.procedural.item import Item
from mendloop.records import Case, Parameter

MAX_CONSTANT = 60
LAZY = "`iter([...])` stands for an iterator or generator that gives these items."


def statement(item: Item, examples: tuple[Case, ...]) -> str:
    """Return the statement: what to write, what it does, what the module holds beside it, its inputs, and examples."""
    parts = [
        f"Write the Python function `{item.signature}`.",
        _prose(item),
        _surroundings(item),
        _inputs(item),
        _failures(item),
        _examples(examples),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _prose(item: Item) -> str:
    """Return the docstring without doctests; indented blocks become code blocks, so that they survive Markdown."""
    text = _without_example_headings(without_doctests(item.docstring))
    paragraphs = re.split(r"\n\s*\n", text)
    return "\n\n".join(_paragraph(paragraph) for paragraph in paragraphs if paragraph.strip())


def _without_example_headings(text: str) -> str:
    """Drop headings whose doctests were taken out, such as a last line `Examples:`."""
    return re.sub(r"(?im)^\s*(for )?(examples?|doctests?|usage)\s*:{1,2}\s*$(?=\s*(\n\n|\Z))", "", text).strip()


def _paragraph(text: str) -> str:
    lines = text.splitlines()
    if all(line.startswith("    ") for line in lines if line.strip()):
        return "```\n" + "\n".join(line[4:] for line in lines) + "\n```"
    return "\n".join(lines)


def _surroundings(item: Item) -> str:
    """Say which other names the module defines; a solution is one program, so it has to bring them along."""
    tree = ast.parse(item.code)
    described = [text for node in tree.body for text in _described(node, item.entry_point)]
    if not described:
        return ""
    listed = "\n".join(f"- {text}" for text in described)
    return f"The module also defines the following names, which your solution must include if it uses them:\n\n{listed}"


def _described(node: ast.stmt, entry_point: str) -> list[str]:
    if isinstance(node, ast.FunctionDef) and node.name != entry_point:
        return [f"`{node.name}({ast.unparse(node.args)})`{_first_line(node)}"]
    if isinstance(node, ast.ClassDef):
        bases = f"({', '.join(map(ast.unparse, node.bases))})" if node.bases else ""
        return [f"`class {node.name}{bases}`{_first_line(node)}"]
    if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        names = ", ".join(ast.unparse(target) for target in targets if isinstance(target, ast.Name | ast.Tuple))
        value = ast.unparse(node.value)
        return [f"`{names} = {value}`" if len(value) <= MAX_CONSTANT else f"`{names}`, a constant"] if names else []
    return []


def _first_line(node: ast.FunctionDef | ast.ClassDef) -> str:
    text = (ast.get_docstring(node) or "").strip().partition("\n")[0].rstrip(".")
    return f": {text}" if text else ""


def _inputs(item: Item) -> str:
    """Return the contract in words; parameters that no call passes are not mentioned."""
    used = [parameter for parameter in item.contract.parameters if parameter.kinds]
    if not used:
        return ""
    return "Inputs:\n\n" + "\n".join(f"- {_with_default(parameter)}" for parameter in used)


def _with_default(parameter: Parameter) -> str:
    return in_words(parameter)


def _failures(item: Item) -> str:
    if not item.exceptions:
        return ""
    names = " or ".join(f"`{name}`" for name in item.exceptions)
    return f"For inputs that it cannot accept it raises {names}."


def _examples(examples: Sequence[Case]) -> str:
    if not examples:
        return ""
    shown = "\n".join(_example(case) for case in examples)
    note = f"\n\n{LAZY}" if any("iter([" in (case.expect or "") for case in examples) else ""
    return f"Examples:\n\n```python\n{shown}\n```{note}"


def _example(case: Case) -> str:
    lines = [f">>> {ast.unparse(line)}" for line in ast.parse(case.setup or "").body]
    lines.append(f">>> {case.call}")
    if case.raises:
        lines += ["Traceback (most recent call last):", "    ...", case.raises.partition("(")[0]]
    elif case.expect is not None and case.expect != "None":
        lines.append(case.expect)
    for name, value in (case.after or {}).items():
        lines += [f">>> {name}", value]
    return "\n".join(lines)
