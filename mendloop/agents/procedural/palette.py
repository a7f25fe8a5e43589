"""What drawn values are made from: words, edges, texts in known formats, and what the code itself mentions."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

WORDS: Final = (
    "alpha", "beta", "apple", "pear", "red", "blue", "cat", "dog", "hello", "world", "one", "two", "three", "data",
    "key", "value", "Hello", "World", "ABC", "xyz", "spam", "eggs", "Ann", "Bob", "mid", "top", "left", "right",
)  # fmt: skip
NAMES: Final = (
    "x", "name", "_private", "CamelCase", "snake_case", "value1", "__init__", "HTTPServer",
    "get_item", "a_b_c", "None", "class", "2nd",
)  # fmt: skip
PATHS: Final = (
    "a/b/c.txt", "/usr/lib/python", "file.tar.gz", "../up/one.py", "./here", "/", "dir/", "a//b", "/a/./b/../c",
    ".hidden", "noext", "archive.zip", "C:\\dir\\file.txt", "a/b.c/d", "", "//host/share", "x.PY", "two words.md",
)  # fmt: skip
UNICODE: Final = ("é", "ñandú", "naïve café", "日本", "ß", "Ω", "Straße")
EDGE_TEXTS: Final = ("", " ", "a", "  padded  ", "A", "aa", "0", "tab\there", "line one\nline two", "a b", "-", "12")

RANGES: Final[dict[str, tuple[int, int]]] = {
    "year": (1, 2400), "month": (1, 12), "day": (1, 28), "hour": (0, 23), "minute": (0, 59), "second": (0, 59),
    "weekday": (0, 6), "width": (1, 40), "base": (2, 36), "ndigits": (0, 6), "port": (1, 65535),
}  # fmt: skip
"""Whole numbers whose meaning their name tells."""

REALISTIC: Final[dict[str, tuple[str, ...]]] = {
    "url": ("http://example.com/a/b?x=1&y=2#top", "https://user:pw@host:8080/", "ftp://h/f.txt", "/only/path", "a?b"),
    "uri": ("http://example.com/a/b", "urn:isbn:12", "mailto:ann@example.org"),
    "host": ("example.com:80", "user:pw@example.org", "[::1]:8080", "localhost", "10.0.0.1"),
    "proxy": ("http://user:pw@proxy.example.com:3128/", "proxy.example.com", "host:80", "file:/ftp.example.com/"),
    "addr": ("Ann Lee <ann@example.org>", "bob@example.com", "10.0.0.1", "::1"),
    "date": ("2024-02-29", "Mon, 01 Jan 2024 10:00:00 GMT", "1999-12-31T23:59:59Z", "01/02/2003"),
    "time": ("12:30", "23:59:59", "00:00:00.5", "7:05"),
    "version": ("1.2.3", "0.10", "2.0.0rc1", "1.0.dev3", "10"),
    "header": ("text/html; charset=utf-8", "a=1; b=2", 'form-data; name="f"', "gzip, br;q=0.5"),
    "query": ("a=1&b=2", "q=x+y", "k", "a=1&a=2"),
    "type": ("text/plain", "image/png; q=1", "application/json"),
    "html": ("<p>a &amp; b</p>", "<br/>", "x < y"), "xml": ("<a b='c'>d</a>", "a &lt; b"),
    "hex": ("ff", "0x1A", "deadbeef"), "cookie": ("a=1; Path=/", "sid=abc; HttpOnly"),
    "locale": ("en_US.UTF-8", "de_DE@euro", "C", "fr"), "code": ("x = 1\n", "def f():\n    return 1\n"),
}  # fmt: skip
"""Texts in the formats that a parameter's name promises; a parser is not tested by noise."""


@dataclass(frozen=True)
class Palette:
    """What values of one parameter are made from: its name, literals seen, and what the code mentions.

    `tokens` are short strings of the code, `phrases` are examples quoted in its documentation.
    """

    name: str = ""
    seen: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()


@lru_cache(maxsize=1024)
def tokens_of(code: str) -> tuple[str, ...]:
    """Return the short strings that a program mentions outside its docstrings: its separators and its keywords."""
    tree = ast.parse(code)
    prose = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in prose:
            text = node.value.decode("latin-1") if isinstance(node.value, bytes) else node.value
            if isinstance(text, str) and 0 < len(text) <= 12 and "%(" not in text:
                found.append(text)
    return tuple(dict.fromkeys(found))[:60]


_QUOTED = re.compile(r"""(?<![\w])(?:'([^'\n]{1,40})'|"([^"\n]{1,40})"|`([^`\n]{1,40})`)(?![\w])""")


@lru_cache(maxsize=1024)
def phrases_of(code: str, entry_point: str) -> tuple[str, ...]:
    """Return the strings that the entry point's docstring quotes: formats and examples, most of the time."""
    for node in ast.parse(code).body:
        if isinstance(node, ast.FunctionDef) and node.name == entry_point:
            quoted = [one or two or three for one, two, three in _QUOTED.findall(ast.get_docstring(node) or "")]
            names = {argument.arg for argument in ast.walk(node) if isinstance(argument, ast.arg)}
            return tuple(text for text in dict.fromkeys(quoted) if text not in names and text.strip())[:12]
    return ()


@lru_cache(maxsize=1024)
def realistic(palette: Palette) -> tuple[str, ...]:
    """Return texts in the format that the parameter's name promises, and the examples of the documentation."""
    named = [text for word, texts in REALISTIC.items() if word in palette.name.lower() for text in texts]
    return (*named, *palette.phrases)
