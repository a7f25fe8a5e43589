"""Programs that flood, spoil or close their channels."""

# ruff: noqa: E501
# Programs are literals in one piece.

from __future__ import annotations

from typing import Final

from mendloop.executions import ProgramStatus
from tests.tools.sandbox.hostile.attack import QUICK, ROOMY, Attack, ends, never_ends, script

_FRAME = """
import os, struct, time
def frame(kind, index=0, body=b''):
    return struct.pack('<BII', kind, index, len(body)) + body
"""


def _flood(statement: str) -> Attack:
    """Return an attack that never ends to print."""
    code = f"import os, warnings\ndef f():\n    warnings.simplefilter('always')\n    while True: {statement}\n"
    return ends(code, "output_limit")


def _answer(body: str, *honest: ProgramStatus) -> Attack:
    """Return an attack that writes one frame, whose body is an expression of bytes, and ends."""
    code = f"""
STEP = b'{{"line":%d,"depth":%d,"changed":{{%b}}}},'
def f():
    data = frame(2, 0, {body})
    while data: data = data[os.write(255, data):]
    os._exit(0)
"""
    return Attack(_FRAME + code, honest, ROOMY)


OUTPUT: Final[dict[str, Attack]] = {
    "endless output": _flood("print('x' * 1000)"),
    "endless output, byte by byte": _flood("os.write(1, b'x')"),
    "endless errors": _flood("os.write(2, b'x' * 1000)"),
    "endless warnings": _flood("warnings.warn('x' * 100)"),
    "output of children": ends(
        """
import os, time
def f():
    for _ in range(4):
        if os.fork() == 0:
            while True: os.write(1, b'x' * 100)
    time.sleep(600)
""",
        "output_limit",
    ),
    "output of a child that goes on": ends(
        """
import os
def f():
    if os.fork() == 0:
        os.setsid()
        while True: os.write(1, b'x' * 100)
    return 1
""",
        "ok",
        "output_limit",
    ),
    "output while loading": ends(
        """
while True: print('x' * 1000)
""",
        "output_limit",
    ),
    "endless output of a script": script(
        """
while True: print('right')
""",
        "output_limit",
    ),
    "output that is no text": ends(
        """
import os, sys
def f():
    os.write(1, bytes(range(256)) + b'\\x00' * 100 + b'\\xed\\xa0\\x80\\xff\\xfe' + b'\\x1b]0;x\\x07\\x1b[2J')
    print('\\udcff')
    sys.stderr.write('\\ud800')
    return 'wrong'
"""
    ),
    "streams that raise": ends(
        """
import sys
class Bad:
    def __getattr__(self, name): raise RuntimeError
def f():
    sys.stdout = sys.stderr = sys.stdin = sys.__stdout__ = sys.__stderr__ = Bad()
    return 'wrong'
"""
    ),
    "streams that are closed": ends(
        """
import sys
def f():
    sys.stdout.close(); sys.stderr.close(); sys.stdin.close()
    return 'wrong'
"""
    ),
    "a full buffer on a closed stream": ends(
        """
import os, sys
def f():
    sys.stdout.write('x' * 1000)
    os.close(1)
    return 'wrong'
"""
    ),
    "closing every descriptor": ends(
        """
import os
def f():
    os.closerange(0, 4096)
    return 'right'
""",
        "no_result",
    ),
    "every descriptor is the standard output": ends(
        """
import os
def f():
    for fd in range(3, 256):
        try: os.dup2(1, fd)
        except OSError: pass
    return 'right'
""",
        "no_result",
        "output_limit",
    ),
    "channels that do not block": ends(
        """
import fcntl, os
def f():
    for fd in (0, 1, 2, 255):
        os.set_blocking(fd, False)
        try: fcntl.fcntl(fd, 1031, 4096)  # F_SETPIPE_SZ
        except OSError: pass
    return 'x' * 500000
""",
        "ok",
        "no_result",
    ),
    "channels with signals": ends(
        """
import fcntl, os, signal
def f():
    for fd in (1, 2, 255):
        for command, argument in ((8, 1), (8, -1), (10, signal.SIGKILL), (4, os.O_ASYNC)):
            try: fcntl.fcntl(fd, command, argument)
            except OSError: pass
    os.write(1, b'x' * 1000)
    return 'wrong'
"""
    ),
    "flood on every descriptor": ends(
        """
import os
def f():
    while True:
        for fd in range(3, 256):
            try: os.write(fd, b'x' * 65536)
            except OSError: pass
""",
        "no_result",
        "output_limit",
    ),
    "writing pass to every descriptor, then nothing": ends(
        """
import os
def f():
    for fd in range(256):
        try: os.write(fd, b'pass\\n{"status": "pass"}\\n')
        except OSError: pass
    os._exit(0)
""",
        "no_result",
    ),
    "frames that say it has only now begun": Attack(
        _FRAME
        + """
def f():
    for kind in range(2):
        for _ in range(100):
            os.write(255, frame(1)); time.sleep(0.1)
""",
        ("timeout", "no_result"),
        QUICK,
    ),
    "a flood of frames that say it has begun": Attack(
        _FRAME
        + """
def f():
    data = frame(1) * 7000
    while True: os.write(255, data)
""",
        ("no_result", "output_limit"),
        ROOMY,
    ),
    "a flood of frames that say it is ready": Attack(
        _FRAME + "def f():\n    while True: os.write(255, frame(0) * 7000)\n", ("no_result",), ROOMY
    ),
    "a flood of answers": Attack(
        _FRAME
        + """
body = b'{"status":"returned","ms":1.0,"value":"wrong"}'
def f():
    while True: os.write(255, frame(2, 0, body) * 500)
""",
        ("no_result", "ok"),
        ROOMY,
    ),
    "answers to cases that do not exist": Attack(
        _FRAME
        + """
def f():
    for index in (1, 2, 2**31, 2**32 - 1): os.write(255, frame(2, index, b'{}'))
    time.sleep(600)
""",
        ("no_result",),
        ROOMY,
    ),
    "kinds of frame that do not exist": Attack(
        _FRAME + "def f():\n    os.write(255, frame(77, 0, b'{}')); time.sleep(600)\n", ("no_result",), ROOMY
    ),
    "a frame that promises too much": Attack(
        _FRAME + "def f():\n    os.write(255, struct.pack('<BII', 2, 0, 2**32 - 1)); time.sleep(600)\n",
        ("no_result",),
        ROOMY,
    ),
    "a frame that never ends": Attack(
        _FRAME + "def f():\n    os.write(255, struct.pack('<BII', 2, 0, 8 << 20) + b'[' * 1000); time.sleep(600)\n",
        ("timeout",),
        QUICK,
    ),
    "a frame byte by byte": Attack(
        _FRAME
        + """
def f():
    for byte in frame(2, 0, b'{"status":"returned","ms":1.0,"value":"' + b'x' * 1000):
        os.write(255, bytes([byte])); time.sleep(0.05)
""",
        ("timeout",),
        QUICK,
    ),
    "a frame of several lines": Attack(
        _FRAME
        + """
def f():
    os.write(255, frame(2, 0, b'{"status":"returned","ms":1.0,"value":1}\\n{"status":"returned","value":"right"}'))
    time.sleep(600)
""",
        ("no_result",),
        ROOMY,
    ),
    "an answer of brackets": _answer("b'[' * 100000", "no_result"),
    "an answer of millions of empty lists": _answer(
        """b'{"status":"returned","ms":1.0,"value":["list",[' + b'["list",[]],' * 600000 + b'1]]}'""", "no_result"
    ),
    "a trace of millions of steps": _answer(
        """b'{"status":"returned","ms":1.0,"value":1,"trace":[' + STEP % (1, 1, b'') * 240000 + (STEP % (1, 1, b''))[:-1] + b']}'""",
        "ok",
        "no_result",
    ),
    "numbers that are none": _answer(
        """b'{"status":"returned","ms":1e999,"value":NaN,"after":{"x":-Infinity}}'""", "no_result"
    ),
    "a time that cannot be": _answer("""b'{"status":"returned","ms":1e300,"value":1}'""", "no_result", "ok"),
    "lines that do not exist": _answer(
        """b'{"status":"raised","ms":1.0,"error":{"type":"E","base":"E","builtin":false,"message":"","line":1000000000000}}'""",
        "no_result",
        "ok",
    ),
    "a trace that nobody asked for": _answer(
        """b'{"status":"returned","ms":1.0,"value":1,"trace":[' + (STEP % (-10**12, -1, b'"x":"%b"' % (b'x' * 100000)))[:-1] + b']}'""",
        "no_result",
        "ok",
    ),
    "an answer in another encoding": _answer(
        """b'\\xff\\xfe' + '{"status":"returned","ms":1.0,"value":"\\ud800"}'.encode('utf-16-le', 'surrogatepass')""",
        "no_result",
        "ok",
    ),
    "half a character": _answer(
        """b'{"status":"returned","ms":1.0,"value":["list",["\\ud800"]],"after":{"x":"\\udfff"}}'""", "no_result", "ok"
    ),
    "an endless script that answers": script(
        _FRAME
        + """
os.write(255, frame(2, 0, b'{"status":"returned","ms":1.0}'))
print('wrong', flush=True)
while True: pass
""",
        "ok",
        "timeout",
        limits=QUICK,
    ),
    "an endless iterator that answers slowly": never_ends(
        """
import time
def f():
    while True:
        yield 1
        time.sleep(0.1)
"""
    ),
}
