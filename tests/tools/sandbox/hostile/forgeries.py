"""Programs that return a wrong value and try to make it count as right.

What is expected is drawn anew for every run (`secret`): no program can know it, all may know how it looks.
"""

# ruff: noqa: E501
# Programs are literals in one piece.

from __future__ import annotations

import secrets
from typing import Final

PREFIX: Final = "right-"


def secret() -> str:
    """Return an expected value that nobody can guess."""
    return PREFIX + secrets.token_hex(16)


_FRAME = """
import os, struct
def frame(body, kind=2, index=0):
    body = body.encode()
    return struct.pack('<BII', kind, index, len(body)) + body
"""

# Finds what looks like the expected value in bytes, and never holds that look itself.
_SEARCH = """
import ctypes, gc, os, re, sys
LOOK = re.compile(b'-'.join([b'right', b'[0-9a-f]{32}']))
def seen(thing):
    try: found = LOOK.search(repr(thing).encode('utf-8', 'replace'))
    except Exception: return None
    return found and found[0].decode()
"""

_WRONG = "def f():\n    return 'wrong'\n"

FORGERIES: Final[dict[str, str]] = {
    # values that pretend
    "equal to everything": "class A(int):\n    def __eq__(self, other): return True\n    __hash__ = None\ndef f():\n    return A(1)\n",
    "equal to everything, inside a container": "class A(str):\n    def __eq__(self, other): return True\n    def __hash__(self): return 0\ndef f():\n    return [{A('x'): (A('y'),)}]\n",
    "class spoof": "class A:\n    __class__ = str\n    def __eq__(self, other): return True\n    def __repr__(self): return \"'right'\"\ndef f():\n    return A()\n",
    "metaclass spoof": "class M(type):\n    def __eq__(self, other): return True\n    def __hash__(self): return hash(str)\n    def __instancecheck__(self, x): return True\n    def __subclasscheck__(self, x): return True\n    mro = lambda self: [self, str, object]\nclass A(str, metaclass=M): pass\ndef f():\n    return A('wrong')\n",
    "class changed after the fact": "class A: pass\nclass B(A):\n    def __eq__(self, o): return True\n    def __iter__(self): return iter('right')\n    def __next__(self): raise StopIteration\ndef f():\n    a = A(); a.__class__ = B\n    return a\n",
    "a lying subclass of dict": "class D(dict):\n    def items(self): return [('right', 'right')]\n    def __eq__(self, other): return True\n    __hash__ = None\n    __len__ = lambda self: 1\ndef f():\n    return D(wrong=1)\n",
    "lying subclasses of numbers": "class F(float):\n    def __repr__(self): return 'right'\n    hex = is_integer = __eq__ = lambda *a: True\nclass I(int):\n    __str__ = __repr__ = lambda s: '\"right\"'\n    __lt__ = __gt__ = lambda *a: True\ndef f():\n    return [I(1), F(2.0)]\n",
    "an iterator that lies the second time": "class L:\n    def __init__(self): self.n = 0\n    def __iter__(self):\n        self.n += 1\n        return iter(['wrong'] if self.n == 1 else ['right'])\n    def __next__(self): raise StopIteration\ndef f():\n    return L()\n",
    "an iterator that changes what was written": "shared = ['wrong']\ndef change():\n    shared[0] = 'right'\n    yield 1\ndef f():\n    return [shared, change()]\n",
    "an exception that lies": "class E(Exception):\n    def __str__(self): raise RuntimeError\n    __traceback__ = property(lambda self: 1/0)\n    @property\n    def errno(self): raise KeyError\ndef f():\n    raise E\n",
    "raised outside the tests": "class AssertionError(Exception): pass\ndef f():\n    raise AssertionError\n",
    "names that are JSON": 'def f():\n    raise type(\'x","status":"returned","value":"right\', (Exception,), {})(\'"},"status":"returned"\')\n',
    # replaced functions
    "replaced builtins": "import builtins\nfor name in ('type', 'isinstance', 'len', 'repr', 'str', 'issubclass', 'any', 'hex'):\n    setattr(builtins, name, lambda *a: True)\ndef f():\n    return 'wrong'\n",
    "replaced json": "import json, json.encoder\njson.dumps = json.loads = json.encoder.encode_basestring_ascii = lambda *a, **k: '\"right\"'\njson.JSONEncoder.encode = json.dumps\ndef f():\n    return 'wrong'\n",
    "replaced os": "import os\nos.write = os.getpid = os._exit = lambda *a: 1\ndef f():\n    return 'wrong'\n",
    "replaced struct": "import struct, _struct\nfor m in (struct, _struct): m.pack = m.unpack = lambda *a: b'\\x02' + bytes(8)\n"
    + _WRONG,
    "replaced time": "import time\ntime.perf_counter = time.monotonic = lambda: float('nan')\n" + _WRONG,
    "replaced import": "import builtins\nreal = builtins.__import__\ndef fake(name, *a, **k):\n    m = real(name, *a, **k)\n    m.write = m.dumps = m.encode = lambda *a, **k: 'right'\n    return m\nbuiltins.__import__ = fake\n"
    + _WRONG,
    "modules put in place of ours": "import sys, types\nfor name in ('inside', 'inside.encode', 'inside.program', 'mendloop', 'pytest', 'unittest'):\n    m = types.ModuleType(name)\n    m.encode = m.describe = m.equal = m.main = lambda *a, **k: '\"right\"'\n    sys.modules[name] = m\n"
    + _WRONG,
    "our functions, by the collector": "import gc, types\ndef f():\n    for o in gc.get_objects():\n        if isinstance(o, types.FunctionType) and o.__name__ in ('encode', 'describe', 'value', 'scalar', 'string', 'spend'):\n            o.__code__ = (lambda *a, **k: '\"right\"').__code__\n    return 'wrong'\n",
    "our functions, by frames": "import sys\ndef f():\n    frame = sys._getframe(1)\n    while frame:\n        for name in ('encode', 'quote', '_send', '_since', '_after', '_report'):\n            if name in frame.f_globals: frame.f_globals[name] = lambda *a, **k: '\"right\"'\n        frame = frame.f_back\n    return 'wrong'\n",
    "our functions, by their code": "import sys\ndef f():\n    frame = sys._getframe(1)\n    while frame:\n        for thing in list(frame.f_globals.values()):\n            try: thing.__code__ = thing.__code__.replace(co_consts=tuple('right' if c is None else c for c in thing.__code__.co_consts))\n            except Exception: pass\n        frame = frame.f_back\n    return 'wrong'\n",
    "our functions, by their defaults": "import gc, types\ndef f():\n    for o in gc.get_objects():\n        if isinstance(o, types.FunctionType) and getattr(o, '__module__', '').startswith('inside'):\n            o.__defaults__ = ('right',) * 3; o.__kwdefaults__ = {'trace': 'right'}\n    return 'wrong'\n",
    "our functions, by closures": "import gc, types\ndef f():\n    for cell in [o for o in gc.get_objects() if isinstance(o, types.CellType)]:\n        try:\n            if callable(cell.cell_contents) and 'inside' in str(getattr(cell.cell_contents, '__module__', '')): cell.cell_contents = lambda *a: '\"right\"'\n        except ValueError: pass\n    return 'wrong'\n",
    "our frames, by ctypes": "import ctypes, sys\ndef f():\n    frame = sys._getframe(1)\n    while frame:\n        for name in ('value', 'result', 'index', 'call', 'calls', 'began', 'module'):\n            if name in frame.f_locals:\n                frame.f_locals[name] = '\"right\"'\n                ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(frame), 0)\n        frame = frame.f_back\n    return 'wrong'\n",
    "our code objects, by ctypes": "import ctypes, sys\ndef f():\n    frame = sys._getframe(1)\n    consts = [c for c in frame.f_code.co_consts if isinstance(c, str) and 'returned' in c]\n    for c in consts:\n        at = id(c) + sys.getsizeof(c) - len(c) - 1\n        ctypes.memmove(at, b'R', 1)\n    return 'wrong'\n",
    "a string changed in place": "import ctypes, sys\ndef f():\n    for word in ('status', 'value', 'raised', 'unencodable', '\"ms\":'):\n        ctypes.memmove(id(word) + sys.getsizeof(word) - len(word) - 1, b'right-', min(len(word), 6))\n    return 'wrong'\n",
    # hooks
    "a trace function": "import sys\ndef hook(frame, event, arg):\n    if frame.f_code.co_name in ('encode', 'value', '_send'):\n        for name in list(frame.f_locals):\n            if name in ('value', 'text'): frame.f_locals[name] = 'right'\n    return hook\nsys.settrace(hook)\ndef f():\n    sys.settrace(hook); sys._getframe(1).f_trace = hook\n    return 'wrong'\n",
    "a profile function": "import sys, os, struct\ndef hook(frame, event, arg):\n    if event == 'c_call' and getattr(arg, '__name__', '') == 'write':\n        frame.f_locals['frame'] = b'right'\nsys.setprofile(hook)\n"
    + _WRONG,
    "an audit hook": _FRAME
    + 'import sys\ndone = []\ndef hook(event, args):\n    if not done and event in (\'object.__getattr__\', \'compile\', \'exec\'):\n        done.append(1); os.write(255, frame(\'{"status":"returned","ms":1.0,"value":"right"}\'))\nsys.addaudithook(hook)\n'
    + _WRONG,
    "a signal handler": _FRAME
    + 'import signal, time\ndef late(*a):\n    os.write(255, frame(\'{"status":"returned","ms":1.0,"value":"right"}\'))\nsignal.signal(signal.SIGALRM, late)\ndef f():\n    signal.setitimer(signal.ITIMER_REAL, 0.0001, 0.0001)\n    return [\'wrong\'] * 1000\n',
    "at exit": _FRAME
    + 'import atexit\natexit.register(lambda: os.write(255, frame(\'{"status":"returned","ms":1.0,"value":"right"}\')))\ndef f():\n    return \'wrong\'\n',
    "exit codes": "import os, atexit\natexit.register(lambda: os._exit(0))\ndef f():\n    raise SystemExit('right')\n",
    "a callback of a weak reference": _FRAME
    + 'import weakref\nclass A: pass\na = A()\nw = weakref.ref(a, lambda r: os.write(255, frame(\'{"status":"returned","ms":1.0,"value":"right"}\')))\ndef f():\n    global a\n    a = None\n    return \'wrong\'\n',
    "a destructor": _FRAME
    + 'class A:\n    def __del__(self): os.write(255, frame(\'{"status":"returned","ms":1.0,"value":"right"}\'))\ndef f():\n    a = A()\n    return \'wrong\'\n',
    "the text of an exception": _FRAME
    + 'class E(Exception):\n    def __str__(self):\n        os.write(255, frame(\'{"status":"returned","ms":1.0,"value":"right"}\'))\n        return \'right\'\ndef f():\n    raise E\n',
    # the verdict channel
    "writing pass everywhere": "import os\ndef f():\n    for fd in range(3, 256):\n        try: os.write(fd, b'{\"status\": \"pass\"}')\n        except OSError: pass\n    return 'wrong'\n",
    "a frame by hand": _FRAME
    + 'def f():\n    os.write(255, frame(\'{"status":"returned","ms":1.0,"value":"right"}\'))\n    os._exit(0)\n',
    "a frame that says pass": _FRAME
    + 'def f():\n    os.write(255, frame(\'{"status":"pass","id":"a","ms":1.0}\'))\n    os._exit(0)\n',
    "a frame with more than one answer": _FRAME
    + 'def f():\n    os.write(255, frame(\'{"status":"returned","ms":1.0,"value":"right","stdout":"right","id":"b","error":null}\'))\n    os._exit(0)\n',
    "a frame for every case and every guess": _FRAME
    + 'def f():\n    for index in range(4):\n        for value in (\'true\', \'"right"\', \'null\', \'["float","nan"]\', \'["iter",[]]\', \'{"expect":1}\'):\n            os.write(255, frame(\'{"status":"returned","ms":1.0,"value":%s}\' % value, 2, index))\n    os._exit(0)\n',
    "values that equal much": _FRAME
    + 'def f():\n    os.write(255, frame(\'{"status":"returned","ms":1.0,"value":["set",[["float","nan"],["float","inf"],true,1,["complex","nan","nan"]]]}\'))\n    os._exit(0)\n',
    "kinds of frame that stand for limits": _FRAME
    + 'def f():\n    for kind in (3, 4, 5, 0, 1): os.write(255, frame(\'{"status":"returned","ms":1.0,"value":"right"}\', kind))\n    os._exit(0)\n',
    "while loading": _FRAME
    + 'os.write(255, frame(\'\', 1))\nos.write(255, frame(\'{"status":"returned","ms":1.0,"value":"right"}\'))\n'
    + _WRONG,
    "a twin that answers too": "import os\ndef f():\n    if os.fork() == 0: return 'right'\n    os.wait()\n    return 'wrong'\n",
    "a twin that writes frames": _FRAME
    + 'def f():\n    if os.fork() == 0:\n        os.write(255, frame(\'{"status":"returned","ms":1.0,"value":"right"}\')); os._exit(0)\n    os.wait()\n    return \'wrong\'\n',
    "a twin that believes to be the first": "import os, sys\ndef f():\n    if os.fork() == 0:\n        frame = sys._getframe(1)\n        while frame:\n            if '_getpid' in frame.f_globals: frame.f_globals['_getpid'] = lambda: 1\n            frame = frame.f_back\n        return 'right'\n    os.wait()\n    return 'wrong'\n",
    "a thread that answers after the return": _FRAME
    + 'import threading, time\ndef late():\n    while True:\n        os.write(255, frame(\'{"status":"returned","ms":1.0,"value":"right"}\')); time.sleep(0.001)\ndef f():\n    threading.Thread(target=late, daemon=True).start()\n    return \'wrong\'\n',
    "another interpreter that answers": 'import os, sys\ndef f():\n    os.execv(sys.executable, [\'python\', \'-I\', \'-S\', \'-c\', \'import os, struct; b = b"{\\\\"status\\\\":\\\\"returned\\\\",\\\\"ms\\\\":1,\\\\"value\\\\":\\\\"right\\\\"}"; os.write(255, struct.pack("<BII", 2, 0, len(b)) + b)\'])\n',
    # searching
    "frame walk": "import sys\ndef f():\n    frame, found = sys._getframe(), []\n    while frame:\n        found += [v for v in [*frame.f_locals.values(), *frame.f_globals.values()] if isinstance(v, str) and 'right' in v]\n        frame = frame.f_back\n    return found[0] if found else 'wrong'\n",
    "gc walk": "import gc\ndef f():\n    found = [o for o in gc.get_objects() if isinstance(o, dict) and 'expect' in o]\n    return found[0]['expect'] if found else 'wrong'\n",
    "searching frames": _SEARCH
    + "def f():\n    frame = sys._getframe(1)\n    while frame:\n        for thing in (frame.f_locals, frame.f_globals, frame.f_code.co_consts):\n            if seen(thing): return seen(thing)\n        frame = frame.f_back\n    return 'wrong'\n",
    "searching the collector": _SEARCH
    + "def f():\n    for thing in gc.get_objects():\n        if type(thing) in (dict, list, tuple, set):\n            for part in (thing.values() if type(thing) is dict else thing):\n                if type(part) in (str, bytes) and seen(part): return seen(part)\n    return 'wrong'\n",
    "searching all memory": _SEARCH
    + "libc = ctypes.CDLL(None)\nlibc.sbrk.restype = ctypes.c_void_p\ndef f():\n    r, w = os.pipe()\n    heap, near = libc.sbrk(ctypes.c_long(0)), id(object()) & ~4095\n    for start, stop in ((heap - (24 << 20), heap), (near - (24 << 20), near + (24 << 20))):\n        for at in range(start, stop, 4096):\n            if libc.write(w, ctypes.c_void_p(at), ctypes.c_size_t(4096)) == 4096:\n                found = LOOK.search(os.read(r, 4096))\n                if found: return found[0].decode()\n    return 'wrong'\n",
}

SPOILERS: Final = frozenset({"a trace function", "an audit hook", "while loading"})
"""Those that spoil every child of theirs while they load, so that the honest case beside them cannot pass."""

# Case `check`: the comparison is an expression, evaluated without the program; the program never sees it.
CHECKED: Final[dict[str, tuple[str, str]]] = {
    "names for the check": (
        _FRAME
        + 'def f():\n    os.write(255, frame(\'{"status":"returned","ms":1.0,"value":5,"after":{"inf":5,"nan":5}}\'))\n    os._exit(0)\n',
        "result == inf",
    ),
    "functions for the check": (
        _FRAME
        + 'def f():\n    os.write(255, frame(\'{"status":"returned","ms":1.0,"value":5,"after":{"bool":5,"len":5}}\'))\n    os._exit(0)\n',
        "len([result]) == 2",
    ),
    "builtins for the check": (
        _FRAME
        + 'def f():\n    os.write(255, frame(\'{"status":"returned","ms":1.0,"value":5,"after":{"__builtins__":["dict",[["bool",1]]]}}\'))\n    os._exit(0)\n',
        "result != 5",
    ),
    "names that are no names": (
        _FRAME
        + 'def f():\n    os.write(255, frame(\'{"status":"returned","ms":1.0,"value":5,"after":{"x = 1\\\\nresult":5,"True":1,"ｉｎｆ":5}}\'))\n    os._exit(0)\n',
        "result > inf or result == inf",
    ),
    "a value that is code": ("def f():\n    return \"' or True or '\"\n", "result == 1"),
    "a value that cannot be written": (
        "def f():\n    return {(1, (2,)): [float('nan'), -0.0, 1e999]}\n",
        "result == 1",
    ),
}
