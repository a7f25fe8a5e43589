"""Where the nodes of a syntax tree stand in the text they were parsed from, in characters."""

from __future__ import annotations

import ast
import re
from bisect import bisect_right
from typing import NamedTuple

_NEWLINE = re.compile(r"\r\n|\r|\n")
_COMMENT = re.compile(r"#[^\r\n]*")
_NOT_AN_OPERATOR = " \t\f\r\n\\()"

Located = ast.expr | ast.stmt | ast.arg | ast.keyword | ast.excepthandler


class Span(NamedTuple):
    """A piece of a text: `text[start:end]`."""

    start: int
    end: int


class SourceText:
    """A program's text, addressed by the nodes of its tree.

    `ast` counts columns in utf-8 bytes and lines by newlines only; everything here is in characters.
    """

    def __init__(self, code: str) -> None:
        self.code = code
        self._starts = [0, *(newline.end() for newline in _NEWLINE.finditer(code))]
        self._ascii = code.isascii()

    def offset(self, line: int, column: int) -> int:
        """Return the character offset of a 1-based line and a column in utf-8 bytes."""
        start = self._starts[line - 1]
        if self._ascii:
            return start + column
        prefix = self.code[start : start + column].encode()[:column]
        return start + len(prefix.decode())

    def span(self, node: Located) -> Span:
        """Return the span of a node, without parentheses around it and without its decorators."""
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return Span(self.offset(node.lineno, node.col_offset), self.offset(node.end_lineno, node.end_col_offset))

    def of(self, node: Located) -> str:
        """Return the text of a node."""
        start, end = self.span(node)
        return self.code[start:end]

    def line_at(self, offset: int) -> int:
        """Return the 1-based line that holds an offset."""
        return bisect_right(self._starts, offset)

    def lines(self, first: int, last: int) -> Span:
        """Return the span of whole lines, both ends included, with the newline of the last."""
        end = self._starts[last] if last < len(self._starts) else len(self.code)
        return Span(self._starts[first - 1], end)

    def indent(self, line: int) -> str:
        """Return the white space that a line begins with."""
        start, end = self.lines(line, line)
        content = self.code[start:end]
        return content[: len(content) - len(content.lstrip(" \t\f"))]

    def operator(self, left: Located, right: Located) -> Span:
        """Return the span of the operator between two neighbouring operands (`+`, `not in`, `+=`, `and` ...)."""
        start, end = self.span(left).end, self.span(right).start
        gap = self.without_comments(start, end)
        return Span(
            start + len(gap) - len(gap.lstrip(_NOT_AN_OPERATOR)),
            end - len(gap) + len(gap.rstrip(_NOT_AN_OPERATOR)),
        )

    def without_comments(self, start: int, end: int) -> str:
        """Return a piece that holds no string, its comments replaced by spaces of the same length."""
        return _COMMENT.sub(lambda comment: " " * len(comment.group()), self.code[start:end])

    def trimmed(self, start: int, end: int) -> Span:
        """Return a piece that holds no comment at its ends, without the white space around it."""
        piece = self.code[start:end]
        blank = " \t\f\r\n\\"
        return Span(start + len(piece) - len(piece.lstrip(blank)), end - len(piece) + len(piece.rstrip(blank)))

    def owns_lines(self, node: ast.stmt) -> bool:
        """Return whether nothing but a comment stands beside the statement on its lines."""
        start, end = self.span(node)
        whole = self.lines(self.line_at(start), self.line_at(max(start, end - 1)))
        after = _COMMENT.sub("", self.code[end : whole.end])
        return not self.code[whole.start : start].strip() and not after.strip()

    def lines_of(self, node: ast.stmt) -> Span:
        """Return the whole lines that a statement stands on."""
        assert node.end_lineno is not None
        return self.lines(node.lineno, node.end_lineno)
