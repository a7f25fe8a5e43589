"""Programs that take time: by working, by waiting, by not being interruptible."""

from __future__ import annotations

from typing import Final

from tests.tools.sandbox.hostile.attack import Attack, ends, never_ends

TIMING: Final[dict[str, Attack]] = {
    "busy loop": never_ends("def f():\n    while True: pass\n"),
    "busy loop while loading": never_ends("while True: pass\n"),
    "busy loop in the call to C": never_ends("def f():\n    return sum(range(10**15))\n"),
    "sleep": never_ends("import time\ndef f():\n    time.sleep(3600)\n"),
    "sleep while loading": never_ends("import time\ntime.sleep(3600)\n"),
    "waiting for a signal": never_ends("import signal\ndef f():\n    signal.sigwait(range(1, 32))\n"),
    "waiting for a descriptor": never_ends(
        "import os, select\ndef f():\n    r, w = os.pipe()\n    select.select([r], [], [])\n"
    ),
    "reading stdin": ends("def f():\n    return input()\n"),
    "swallowing every exception": never_ends(
        """
def f():
    while True:
        try:
            while True: pass
        except BaseException: pass
"""
    ),
    "catastrophic regular expression": never_ends("import re\ndef f():\n    re.match('(a+)+$', 'a' * 40 + 'b')\n"),
    "digits without end": never_ends(
        "import sys\nsys.set_int_max_str_digits(0)\ndef f():\n    return len(str(7 ** 9_000_000))\n", "memory"
    ),
    "hashes that collide": never_ends(
        """
class Same(int):
    __hash__ = lambda self: 1
def f():
    return len({Same(i) for i in range(10**6)})
""",
        "memory",
    ),
    "compiling without end": never_ends(
        """
def f():
    return compile('(' * 50 + 'a' + ')' * 50 + '+1' * 5_000_000, 'x', 'eval')
""",
        "memory",
        "crash",
        "ok",
    ),
    "a value that takes for ever to iterate": never_ends(
        """
class Slow:
    def __iter__(self): return self
    def __next__(self):
        while True: pass
def f():
    return Slow()
"""
    ),
    "a destructor without end": never_ends(
        """
class D:
    def __del__(self):
        while True: pass
def f():
    x = D()
    return 1
"""
    ),
    "an event loop without end": never_ends(
        """
import asyncio
async def again():
    while True:
        try: await asyncio.sleep(3600)
        except asyncio.CancelledError: pass
def f():
    asyncio.run(again())
"""
    ),
    "a clock of its own": never_ends(
        """
import time
for name in ('time', 'monotonic', 'perf_counter', 'process_time', 'thread_time'):
    setattr(time, name, lambda: 0.0)
def f():
    while True: pass
"""
    ),
    "limits of its own": never_ends(
        """
import resource
def f():
    for what in range(16):
        for most in ((-1, -1), (2**40, 2**40)):
            try: resource.setrlimit(what, most)
            except (OSError, ValueError): pass
    while True: pass
"""
    ),
    "limits of none": ends(
        """
import resource
def f():
    for what in (resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC, resource.RLIMIT_FSIZE, resource.RLIMIT_STACK, 12, 13):
        resource.setrlimit(what, (0, 0))
    return 'wrong'
"""
    ),
}
