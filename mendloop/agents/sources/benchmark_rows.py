"""Rows of HumanEval (Chen et al., arXiv 2107.03374) and MBPP (Austin et al., arXiv 2108.07732) as problems.

Their solutions, and their tests but one example of MBPP's, are not read: nobody who solves a problem may see them.
"""

from __future__ import annotations

import ast
import re
import textwrap
from inspect import cleandoc

from mendloop.agents.assertions import parse_cases
from mendloop.agents.asserts.expressions import statements
from mendloop.agents.prompted.proposing import statement_of
from mendloop.agents.sources.jsonl import JsonRow, RowError, plain_text
from mendloop.agents.sources.stated_rows import Stated, entry_point_in, function_named, header_of
from mendloop.agents.sources.worded_examples import worded_examples
from mendloop.records import Problem

_BEGINNING, _END = "The program begins like this:\n\n```python\n", "\n```"


def completed(code: str, problem: Problem) -> str:
    """Return a program; one that is only the body of the function gets what the statement says stands before it.

    Programs for HumanEval are often written down as what a model went on with after the prompt.
    """
    if function_named(code, problem.entry_point) or re.search(rf"^def {problem.entry_point}\b", code, re.MULTILINE):
        return code
    _, found, after = problem.statement.rpartition(_BEGINNING)
    before = after.rpartition(_END)[0] + "\n\n\n" if found else ""
    body = code if code[:1].isspace() else textwrap.indent(code, "    ")
    whole = f"{before}def {problem.signature}:\n{body.strip(chr(10))}\n"
    return whole if function_named(whole, problem.entry_point) else code


def is_humaneval(row: JsonRow) -> bool:
    """Tell whether a row's `prompt` begins the function that `entry_point` names."""
    prompt, name = row.values.get("prompt"), row.values.get("entry_point")
    return (
        "statement" not in row.values
        and isinstance(prompt, str)
        and isinstance(name, str)
        and function_named(prompt, name) is not None
    )


def from_humaneval(row: JsonRow) -> Stated:
    """Return the problem of a row with `task_id`, `prompt` and `entry_point`; its examples are the docstring's.

    What stands before the function (imports, functions that it uses) is a part of the statement. Raises RowError.
    """
    prompt, name = row.text("prompt"), entry_point_in(row.text("entry_point"))
    node = function_named(prompt, name)
    if node is None:
        raise RowError("its `prompt` does not begin the function")
    docstring = _docstring(node)
    if not docstring:
        raise RowError("the function of its `prompt` has no docstring")
    before = "\n".join(prompt.split("\n")[: node.lineno - 1]).strip()
    said = f"{docstring}\n\n{_BEGINNING}{before}{_END}" if before else docstring
    signature = header_of(node)
    return Stated(
        id=row.optional("task_id").strip(),
        statement=statement_of(signature, said, ""),
        entry_point=name,
        signature=signature,
        examples=worded_examples(docstring, name),
    )


def _docstring(node: ast.FunctionDef) -> str:
    """Return the first text that stands alone in a function: one of the rows has an import before it."""
    for part in node.body:
        match part:
            case ast.Expr(value=ast.Constant(value=str() as words)):
                return cleandoc(words).strip()
    return ""


def is_mbpp(row: JsonRow) -> bool:
    """Tell whether a row has MBPP's keys."""
    return "text" in row.values and "test_list" in row.values


def from_mbpp(row: JsonRow) -> Stated:
    """Return the problem of a row with `task_id`, `text`, `code` and `test_list`.

    The first test is the example. Of the code only the function's header is read, for the names of its parameters: the
    function is the last one that the first test calls. Raises RowError.
    """
    text, code = row.text("text"), row.text("code")
    if row.optional("test_setup_code").strip():
        raise RowError("its tests need `test_setup_code`")
    tests = row.values.get("test_list")
    if not isinstance(tests, list) or not tests:
        raise RowError("`test_list` is no list of asserts")
    first = plain_text(tests[0])
    node = _called(first, code)
    parsed = parse_cases(first, node.name, prefix="e", limit=1, origin="given")
    if not parsed.cases or parsed.cases[0].expect is None:
        raise RowError("its first test is no `assert f(...) == literal`")
    (example,) = parsed.cases
    shown = f"For example, `{example.call}` gives `{example.expect}`."
    task = row.optional("task_id").strip()
    return Stated(
        id=f"mbpp/{task}" if task else "",
        statement=f"{text.strip()}\n\nIt is called `{node.name}`. {shown}\n",
        entry_point=node.name,
        signature=f"{node.name}({ast.unparse(node.args)})",
        examples=(example,),
    )


def _called(test: str, code: str) -> ast.FunctionDef:
    body, tested = statements(code), statements(test)
    if body is None or tested is None:
        raise RowError("its code or its first test does not parse")
    calls = (node.func for part in tested for node in ast.walk(part) if isinstance(node, ast.Call))
    names = {called.id for called in calls if isinstance(called, ast.Name)}
    found = [node for node in body if isinstance(node, ast.FunctionDef) and node.name in names]
    if not found:
        raise RowError("its first test calls no function of its code")
    return found[-1]
