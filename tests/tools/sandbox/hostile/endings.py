"""Programs that leave early, late, or by a crash."""

from __future__ import annotations

from typing import Final

from tests.tools.sandbox.hostile.attack import QUICK, Attack, ends, never_ends, script

_MACHINE_CODE = """
import ctypes, mmap, platform
def run(code):
    page = mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=7)
    page.write(code)
    return ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
X86 = platform.machine() == 'x86_64'
"""

ENDINGS: Final[dict[str, Attack]] = {
    "sys.exit": ends("import sys\ndef f():\n    sys.exit(0)\n"),
    "os._exit": ends("import os\ndef f():\n    os._exit(0)\n", "no_result"),
    "exit while loading": ends("import os\nos._exit(0)\n", "no_result"),
    "sys.exit while loading": ends("raise SystemExit(0)\n"),
    "exit in a thread": ends(
        """
import os, threading, time
def f():
    threading.Thread(target=os._exit, args=(0,)).start()
    time.sleep(600)
""",
        "no_result",
    ),
    "exit at the end": ends(
        """
import atexit, os
atexit.register(os._exit, 0)
def f():
    raise SystemExit(0)
"""
    ),
    "an end that never comes": script(
        """
import atexit
def again():
    while True: pass
atexit.register(again)
print('wrong', flush=True)
""",
        "timeout",
        limits=QUICK,
    ),
    "exit codes of a script": script(
        """
import os
print('wrong', flush=True)
os._exit(0)
""",
        "no_result",
    ),
    "exceptions that are no errors": ends(
        """
class Strange(BaseException): pass
def f():
    try: raise KeyboardInterrupt
    except KeyboardInterrupt: raise Strange from GeneratorExit()
"""
    ),
    "an exception that cannot be printed": ends(
        """
class E(Exception):
    def __str__(self): raise self
    __repr__ = __str__
def f():
    raise E
"""
    ),
    "an exception that is printed for ever": never_ends(
        """
class E(Exception):
    def __str__(self):
        while True: pass
def f():
    raise E
"""
    ),
    "exceptions in a long chain": ends(
        """
def f():
    error = None
    for i in range(100000):
        new = ValueError(i)
        new.__context__ = error
        error = new
    raise error
""",
        "ok",
        "crash",
    ),
    "bad memory access": ends("import ctypes\ndef f():\n    ctypes.string_at(0)\n", "crash"),
    "bad code object": ends(
        """
def f():
    def g(): return 1
    g.__code__ = g.__code__.replace(co_code=b'\\x64\\xff' * 8, co_consts=())
    return g()
""",
        "crash",
        "ok",
        "no_result",
        "memory",
    ),
    "abort": ends("import os\ndef f():\n    os.abort()\n", "crash"),
    "abort in a child": ends(
        """
import os
def f():
    if os.fork() == 0: os.abort()
    return os.wait()[1] != 0 and 'wrong'
"""
    ),
    "a stack overflow in C": ends(
        """
import ctypes
callback = ctypes.CFUNCTYPE(ctypes.c_int)
def f():
    import sys
    sys.setrecursionlimit(10**9)
    g = callback(lambda: g())
    return g()
""",
        "crash",
        "memory",
        "ok",
        "no_result",
    ),
    "killing itself": ends(
        """
import os, signal
def f():
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM, signal.SIGPIPE):
        os.kill(os.getpid(), number)
    return 'still here'
""",
        "ok",
        "crash",
    ),
    "system calls of another architecture": ends(
        _MACHINE_CODE
        + """
def f():
    if not X86: return 'wrong'
    return run(b'\\xb8\\x14\\x00\\x00\\x00\\xcd\\x80\\xc3')  # getpid by the door for 32 bits
""",
        "crash",
        "ok",
    ),
    "system calls with the bit of x32": ends(
        """
import ctypes, platform
def f():
    if platform.machine() != 'x86_64': return 'wrong'
    return ctypes.CDLL(None).syscall(ctypes.c_long(0x40000000 | 39))
""",
        "crash",
        "ok",
    ),
    "an instruction that does not exist": ends(
        _MACHINE_CODE + "def f():\n    return run(b'\\x0f\\x0b' if X86 else bytes(4))\n", "crash"
    ),
    "replacing what it stands on": ends(
        """
import builtins, sys
def f():
    sys.modules.clear()
    for name in list(vars(builtins)): setattr(builtins, name, None) if name != 'setattr' else None
    return 'wrong'
""",
        "ok",
        "no_result",
        "crash",
    ),
    "an audit hook that forbids everything": ends(
        """
import sys
def hook(*a): raise RuntimeError
def f():
    sys.addaudithook(hook)
    return 'wrong'
""",
        "ok",
        "no_result",
    ),
    "no recursion left": ends(
        """
import sys
def f():
    sys.setrecursionlimit(8 + sum(1 for _ in iter(lambda c=[sys._getframe()]: c.append(c.pop().f_back) or c[0], None)))
    return [[[['wrong']]]]
""",
        "ok",
        "no_result",
    ),
    "the collector off and a callback in it": ends(
        """
import gc
def f():
    gc.callbacks.append(lambda *a: 1 / 0)
    gc.set_threshold(1)
    return ['wrong']
"""
    ),
}
