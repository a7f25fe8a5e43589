"""The statement of a problem, whole."""

from __future__ import annotations

from mendloop.agents.procedural.item import Item
from mendloop.agents.procedural.statement import LAZY, statement
from mendloop.records import Case, Contract, Parameter, Source

CODE = '''import re

_RE = re.compile("[,;]")


class Bad(ValueError):
    """Raised for an empty text."""


def halves(text):
    """Cut a text in two. And more."""
    return text.split("|")


def f(text, how="up"):
    return halves(text)
'''

EXPECTED = """Write the Python function `f(text, how='up')`.

Split a text.

```
a,b;c
```

The module also defines the following names, which your solution must include if it uses them:

- `_RE = re.compile('[,;]')`
- `class Bad(ValueError)`: Raised for an empty text
- `halves(text)`: Cut a text in two. And more

Inputs:

- `text` is a string.
- `how` (optional) is one of `'up'`, `'down'`.

For inputs that it cannot accept it raises `Bad`.

Examples:

```python
>>> f('a;b')
['a', 'b']
>>> items = ['x; y']
>>> f(items)
>>> items
[]
>>> f('')
Traceback (most recent call last):
    ...
Bad
```
"""


def test_a_statement_reads_as_a_task() -> None:
    item = Item(
        id="i", module="m", qualname="m.f", entry_point="f", code=CODE, signature="f(text, how='up')",
        docstring="Split a text.\n\n    a,b;c\n\nExamples:\n\n    >>> f('a')\n    ['a']\n",
        contract=Contract(
            parameters=(
                Parameter(name="text", kinds=("str",)),
                Parameter(name="how", kinds=("choice",), optional=True, seen=("'up'", "'down'")),
                Parameter(name="key", kinds=(), optional=True),
            )
        ),
        exceptions=("Bad",),
        source=Source(kind="python", package="m", qualname="m.f"),
    )  # fmt: skip
    examples = (
        Case(id="e1", call="f('a;b')", expect="['a', 'b']"),
        Case(id="e2", call="f(items)", expect="None", setup="items = ['x; y']", after={"items": "[]"}),
        Case(id="e3", call="f('')", raises="Bad(ValueError)"),
    )
    assert statement(item, examples) == EXPECTED
    lazy = Case(id="e4", call="f('a')", expect="iter(['a'])")
    assert statement(item, (*examples, lazy)).endswith("```\n\n" + LAZY + "\n")
