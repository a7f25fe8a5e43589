"""Nodes are found in the text by characters, whatever the encoding makes of them."""

import ast

import pytest

from mendloop.agents.procedural.spans import SourceText


def value_of(code: str) -> ast.expr:
    statement = ast.parse(code).body[-1]
    assert isinstance(statement, ast.Assign)
    return statement.value


@pytest.mark.parametrize("code", ["x = a + b", "é = 'ü€𝄞' + b", "# ü\r\nx = 'ü' + b", "y = 1\n\x0c\nx = 'ü' + b"])
def test_the_text_of_a_node_is_what_was_written(code: str) -> None:
    assert SourceText(code).of(value_of(code)) == code.rpartition(" = ")[2]


@pytest.mark.parametrize(
    ("expression", "operator"),
    [
        ("a+b", "+"),
        ("(a) not  in (b)", "not  in"),
        ("(a  # + plus\n  - b)", "-"),
        ("a \\\n and b", "and"),
    ],
)
def test_the_operator_between_two_operands_is_found(expression: str, operator: str) -> None:
    code = f"x = {expression}"
    left, right = (node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name) and node.id in "ab")
    assert code[slice(*SourceText(code).operator(left, right))] == operator
