"""Programs that take memory: their own, their children's, and the kernel's in their name."""

from __future__ import annotations

from typing import Final

from tests.tools.sandbox.hostile.attack import Attack, ends, never_ends


def _unmapped(file: str, flags: int) -> Attack:
    """Return an attack that shares memory of a file and keeps one page of each piece mapped, so that little is seen."""
    code = f"""
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
PIECE = 32 << 20
def f():
    held, file = 0, {file}
    while held < 192:
        at = libc.mmap(None, ctypes.c_size_t(PIECE), 3, {flags}, file, ctypes.c_long(0))
        if at in (None, 2**64 - 1): return 'stopped at', held
        ctypes.memset(at, 1, PIECE)
        libc.munmap(ctypes.c_void_p(at + 4096), ctypes.c_size_t(PIECE - 4096))
        held += PIECE >> 20
    os._exit(0)  # it has twice what it may have
"""
    return ends(code, "memory", "ok")


def _with_nothing_left(last: str) -> Attack:
    """Return an attack that takes every byte it can have, and then does a last thing."""
    code = f"""
held = []
def f():
    piece = 1 << 24
    while piece > 16:
        try: held.append(bytes(piece))
        except MemoryError: piece //= 2
    {last}
"""
    return ends(code, "ok", "memory", "no_result")


MEMORY: Final[dict[str, Attack]] = {
    "memory in one process": ends(
        """
def f():
    return len(bytearray(1 << 30))
""",
        "memory",
    ),
    "memory bit by bit": ends(
        """
def f():
    x = []
    while True: x.append(bytes(1 << 16))
""",
        "memory",
    ),
    "memory in eight processes": ends(
        """
import os, time
def f():
    for _ in range(8):
        if os.fork() == 0:
            x = bytearray(50 << 20)
            time.sleep(600)
    time.sleep(600)
""",
        "memory",
    ),
    "memory in processes that hide": ends(
        """
import ctypes, os, time
def f():
    for i in range(8):
        if os.fork() == 0:
            ctypes.CDLL(None).prctl(15, b'0) R (0 0 0', 0, 0, 0)
            ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)
            os.setsid()
            if os.fork(): os._exit(0)
            x = bytearray(50 << 20)
            time.sleep(600)
    time.sleep(600)
""",
        "memory",
    ),
    "memory behind the program's own page tables": _unmapped("-1", 0x21),
    "memory behind /dev/zero": _unmapped("os.open('/dev/zero', os.O_RDWR)", 0x01),
    "memory in the buffers of sockets": ends(
        """
import os, socket, time
def fill(tell):
    held = []
    while True:
        pair = socket.socketpair()
        held.append(pair)
        for end in pair:
            end.setblocking(False)
            try: end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
            except PermissionError: pass
            try:
                while True: os.write(tell, end.send(bytes(1 << 16)).to_bytes(4, 'little'))
            except BlockingIOError: pass
def f():
    told, tell = os.pipe()
    for _ in range(8):
        if os.fork() == 0:
            os.close(told)
            try: fill(tell)
            except OSError: os.close(tell)
            time.sleep(600)
    os.close(tell)
    held = 0
    while size := os.read(told, 4):
        held += int.from_bytes(size, 'little')
        if held > 192 << 20: os._exit(0)  # it has twice what it may have
    return 'stopped at', held
""",
        "memory",
        "pids",
        "ok",
    ),
    "memory in the buffers of pipes": ends(
        """
import os
def f():
    held, total = [], 0
    try:
        while True:
            held.append(os.pipe())
            os.set_blocking(held[-1][1], False)
            try:
                while True: total += os.write(held[-1][1], bytes(1 << 16))
            except BlockingIOError: pass
    except OSError:
        return total
""",
        "ok",
        "memory",
    ),
    "copies of what was inherited": ends(
        """
import gc, os, time
def f():
    for _ in range(12):
        if os.fork() == 0:
            held = [bytearray(1 << 20) for _ in range(12)]
            time.sleep(600)
    time.sleep(600)
""",
        "memory",
    ),
    "swallowing every failed allocation": never_ends(
        """
def f():
    held, piece = [], 1 << 24
    while True:
        try: held.append(bytes(piece))
        except MemoryError: piece = max(1, piece // 2)
""",
        "memory",
    ),
    "returning with no memory left": _with_nothing_left("return 'wrong'"),
    "raising with no memory left": _with_nothing_left("raise ValueError('x' * 100)"),
    "memory through the C library": ends(
        """
import ctypes
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
def f():
    while True:
        at = libc.malloc(ctypes.c_size_t(1 << 20))
        if not at: raise MemoryError
        ctypes.memset(at, 1, 1 << 20)
""",
        "memory",
    ),
    "memory locked in place": ends(
        """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def f():
    libc.mlockall(7)
    x = []
    while True: x.append(bytes(1 << 20))
""",
        "memory",
        "crash",
    ),
    "huge pages": ends(
        """
import ctypes, mmap
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
def f():
    got = 0
    for _ in range(64):
        at = libc.mmap(None, ctypes.c_size_t(2 << 20), 3, 0x40022, -1, ctypes.c_long(0))
        got += at not in (None, 2**64 - 1)
    return got
"""
    ),
    "stacks of threads": ends(
        """
import threading, time
threading.stack_size(64 << 20)
def f():
    for _ in range(10): threading.Thread(target=time.sleep, args=(600,)).start()
    return 1
""",
        "pids",
        "memory",
        "ok",
    ),
    "address space without memory": ends(
        """
import mmap
def f():
    held = []
    while True: held.append(mmap.mmap(-1, 1 << 30))
""",
        "ok",
        "memory",
    ),
    "huge integer": never_ends(
        """
def f():
    x = 9 ** 9 ** 9
""",
        "memory",
    ),
    "zip bomb": ends(
        """
import zlib
def f():
    z = zlib.compress(bytes(40 << 20), 1)
    held = [zlib.decompress(z) for _ in range(4)]
    return len(held)
""",
        "memory",
    ),
    "deep recursion": ends(
        """
def f():
    return f()
"""
    ),
    "deep recursion in C": ends(
        """
import sys
sys.setrecursionlimit(10**9)
def f():
    x = ()
    for _ in range(10**5 * 4): x = (x,)
    return hash(x)
""",
        "crash",
        "ok",
        "memory",
    ),
    "recursion without a limit": ends(
        """
import sys
sys.setrecursionlimit(10**9)
def f(*a):
    return max(0, 1, key=f)
""",
        "crash",
        "memory",
        "ok",
    ),
    "a value that refers to itself": ends(
        """
def f():
    x = []
    x.append(x)
    return x
"""
    ),
    "a small value of billions": ends(
        """
def f():
    x = 'lol'
    for _ in range(30): x = [x] * 10
    return x
"""
    ),
    "a value too large to leave": ends(
        """
def f():
    return 'x' * (30 << 20)
""",
        "ok",
        "memory",
    ),
    "a message too large to leave": ends(
        """
def f():
    raise ValueError('x' * (30 << 20))
""",
        "ok",
        "memory",
    ),
    "a name too large to leave": ends(
        """
def f():
    raise type('E' * (12 << 20), (Exception,), {})
""",
        "ok",
        "memory",
        "no_result",
    ),
}
