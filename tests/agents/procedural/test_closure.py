"""Closing a function: verbatim text, everything it needs, nothing impure."""

from __future__ import annotations

import pytest

from mendloop.agents.procedural.closure import Closed, close
from mendloop.agents.procedural.files import SourceFile
from mendloop.agents.procedural.module_index import ModuleIndex, index_module
from mendloop.agents.procedural.purity import NotUsable


def closed(text: str, **others: str) -> Closed:
    indexes = {name: index_module(SourceFile(name, f"{name}.py", code, False)) for name, code in others.items()}

    def resolve(module: str, level: int, importer: str) -> ModuleIndex | None:
        return indexes.get(module)

    return close("f", index_module(SourceFile("m", "m.py", text, False)), resolve)


def test_only_what_is_needed_is_copied_verbatim_and_in_order() -> None:
    text = """import os, re
from collections import namedtuple, OrderedDict

UNUSED = os.getcwd()

# Digits and a sign.
_NUMBER = re.compile(r'[-+]?\\d+')   # compiled once

def unused(): return UNUSED

def f(text):
    # Every number.
    return [half(int(n)) for n in _NUMBER.findall(text)]

def half(n):
    return n // 2
"""
    assert closed(text).code == (
        "import re\n\n# Digits and a sign.\n_NUMBER = re.compile(r'[-+]?\\d+')   # compiled once\n\n\n"
        "def f(text):\n    # Every number.\n    return [half(int(n)) for n in _NUMBER.findall(text)]\n\n\n"
        "def half(n):\n    return n // 2\n"
    )


def test_statements_that_fill_a_table_come_along() -> None:
    text = "T = {}\nfor i in range(3):\n    T[i] = i * i\nT.update(a=1)\ndef f(x):\n    return T[x]\n"
    assert closed(text).code.count("T") == 4


def test_an_accelerator_import_is_left_out() -> None:
    text = "def g(x):\n    return x\ndef f(x):\n    return g(x)\n"
    text += "try:\n    from _fast import g\nexcept ImportError:\n    pass\n"
    assert "_fast" not in closed(text).code


def test_a_helper_of_the_same_package_is_inlined() -> None:
    program = closed("from .other import g\ndef f(x):\n    return g(x)\n", other="K = 2\ndef g(x):\n    return x * K\n")
    assert program.names == ("K", "g")
    assert program.code.index("def g") < program.code.index("def f")


def test_classes_and_exceptions_come_along() -> None:
    text = "class Bad(ValueError):\n    pass\ndef f(x):\n    if x < 0:\n        raise Bad(x)\n    return x\n"
    assert closed(text).names == ("Bad",)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("return open(x)", "uses open"),
        ("print(x)", "uses print"),
        ("global G; G = x", "writes names outside itself"),
        ("import socket; return socket.x", "imports socket"),
        ("return os.environ[x]", "uses .environ"),
        ("return os.listdir(x)", "uses os.listdir"),
        ("CACHE[x] = 1", "changes a top-level object"),
        ("CACHE.clear()", "changes a top-level object"),
        ("x.name = 1", "writes attributes"),
        ("return datetime.now()", "uses .now"),
        ("y = yield x", "generator that is sent values"),
        ("return missing(x)", "needs a name that is not defined"),
        ("return time()", "imports time"),
    ],
)
def test_what_is_not_pure_is_refused_with_the_reason(body: str, reason: str) -> None:
    head = "import os\nfrom time import time\nfrom datetime import datetime\nCACHE = {}\n"
    with pytest.raises(NotUsable, match=reason):
        closed(f"{head}def f(x):\n    {body}\n")


@pytest.mark.parametrize(
    "body",
    [
        "x.append(1); return x",
        "return os.path.join(x, 'a')",
        "CACHE = {}; CACHE[x] = 1; return CACHE",
        "for y in x:\n        yield y",
    ],
)
def test_what_stays_inside_is_allowed(body: str) -> None:
    assert closed(f"import os\nCACHE = {{}}\ndef f(x):\n    {body}\n").code.endswith("\n")


def test_a_program_that_needs_half_its_module_is_refused() -> None:
    text = "\n".join(f"def g{n}(x):\n    return g{n + 1}(x)\n" for n in range(120)) + "def g120(x):\n    return x\n"
    with pytest.raises(NotUsable, match="too much"):
        closed(text + "def f(x):\n    return g0(x)\n")
