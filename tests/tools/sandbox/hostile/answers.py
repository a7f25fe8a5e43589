"""Programs whose answers are not what they look like; `ok` is their honest status, a pass is not their verdict."""

from __future__ import annotations

from typing import Final

from mendloop.records import Case
from tests.tools.sandbox.hostile.attack import ROOMY, Attack, ends

_SQUARES = tuple(Case(id=str(x), call=f"f({x})", expect=str(x * x)) for x in (2, 3, 7))


def answers(code: str, *cases: Case) -> Attack:
    """Return an attack whose cases are its own."""
    return Attack(code, ("ok",), ROOMY, cases)


ANSWERS: Final[dict[str, Attack]] = {
    "special-casing visible tests": answers("def f(x):\n    return {2: 4, 3: 9}.get(x)\n", *_SQUARES),
    "answering by the order of the calls": answers(
        "given = iter([4, 9, 16])\ndef f(x):\n    return next(given)\n", *_SQUARES
    ),
    "answering by the other cases": answers(
        """
import gc
def f(x):
    near = [o for o in gc.get_objects() if isinstance(o, dict) and o.get('call')]
    return near[0].get('expect', 'wrong') if near else 'wrong'
""",
        *_SQUARES,
    ),
    "a mutable argument": answers(
        "def f(items):\n    items.sort()\n    return items[0]\n",
        Case(id="a", setup="s = [3, 1, 2]", call="f(s)", expect="1", after={"s": "[3, 1, 2]"}),
    ),
    "a mutable default": answers(
        "def f(x, seen=[]):\n    seen.append(x)\n    return len(seen)\n",
        *(Case(id=str(x), call=f"f({x})", expect="1") for x in range(2)),
    ),
    "an answer that goes on changing": answers(
        """
import threading
shared = [0]
def change():
    while True: shared[0] += 1
def f():
    threading.Thread(target=change, daemon=True).start()
    return shared
""",
        Case(id="f", call="f()", expect="'right'"),
    ),
    "not a number": answers(
        "nan = float('nan')\ndef f(x):\n    return nan\n",
        *(Case(id=e, call="f(0)", expect=e, tolerance=t) for e, t in (("0.0", None), ("1.0", 1e9), ("inf", 1e9))),
    ),
    "infinity": answers(
        "def f(x):\n    return float('inf')\n",
        *(Case(id=e, call="f(0)", expect=e, tolerance=t) for e, t in (("1e308", 0.5), ("-inf", 0.9), ("nan", 0.9))),
    ),
    "numbers beyond every float": answers(
        "def f(x):\n    return 10 ** x\n",
        Case(id="a", call="f(400)", expect="1.5", tolerance=0.5),
        Case(id="b", call="f(5000)", expect="inf", tolerance=0.5),
    ),
    "true is not one": answers(
        "def f():\n    return True\n", Case(id="a", call="f()", expect="1"), Case(id="b", call="[f()]", expect="[1.0]")
    ),
    "hash-seed dependence": answers(
        "def f():\n    return hash('a'), [*{'a', 'b', 'c', 'd', 'e', 'f'}]\n",
        Case(id="a", call="f()", expect="(1, ['a', 'b', 'c', 'd', 'e', 'f'])"),
    ),
    "results that depend on time": answers(
        "import time\ndef f():\n    return time.time_ns(), time.perf_counter_ns()\n",
        Case(id="a", call="f()", expect="(1, 1)"),
    ),
    "results that depend on chance": answers(
        "import os, random, uuid\ndef f():\n    return os.urandom(8), random.random(), uuid.uuid4().hex\n",
        Case(id="a", call="f()", expect="(b'', 0.5, '')"),
    ),
    "results that depend on addresses": answers(
        "def f():\n    return id(object()), repr(object())\n", Case(id="a", call="f()", expect="(1, '')")
    ),
    "equal to everything": ends(
        """
class A(int):
    __eq__ = lambda *a: True
    __hash__ = None
def f():
    return A(1)
"""
    ),
}
