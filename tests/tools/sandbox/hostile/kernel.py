"""Programs that use up objects of the kernel, of which a whole machine has only so many."""

# ruff: noqa: E501
# Programs are literals in one piece.

from __future__ import annotations

from typing import Final

from tests.tools.sandbox.hostile.attack import Attack, ends

_HOARD = """
import ctypes, os, select, signal, socket, struct, time
libc = ctypes.CDLL(None, use_errno=True)
def checked(number):
    if number < 0: raise OSError(ctypes.get_errno(), 'x')
    return number
def hoard(make):
    held = []
    try:
        while len(held) < 20000: held.append(make())
    except OSError: pass
    return len(held)
def everywhere(make):
    for _ in range(4):
        if os.fork() == 0:
            hoard(make)
            time.sleep(600)
    return hoard(make)
"""

_OBJECTS = {
    "open files": "lambda: os.open('/dev/null', 0)",
    "pipes": "os.pipe",
    "pairs of sockets": "socket.socketpair",
    "epoll": "lambda: checked(libc.epoll_create1(0))",
    "eventfd": "lambda: checked(libc.eventfd(0, 0))",
    "timerfd": "lambda: checked(libc.timerfd_create(1, 0))",
    "signalfd": "lambda: checked(libc.signalfd(-1, ctypes.byref(ctypes.c_ulong(512)), 0))",
    "pidfd": "lambda: os.pidfd_open(1)",
    "inotify": "lambda: checked(libc.inotify_init1(0))",
    "folders": "lambda: os.open('/', os.O_DIRECTORY)",
}

KERNEL: Final[dict[str, Attack]] = {
    **{
        f"hoarding {name}": ends(f"{_HOARD}\ndef f():\n    return everywhere({make})\n", "ok", "memory")
        for name, make in _OBJECTS.items()
    },
    "hoarding watches of files": ends(
        _HOARD
        + """
def f():
    watch, count = checked(libc.inotify_init1(0)), 0
    for folder, names, files in os.walk(os.path.dirname(os.__file__)):
        for name in files:
            count += libc.inotify_add_watch(watch, os.path.join(folder, name).encode(), 1) >= 0
        if count > 500: return count
"""
    ),
    "hoarding watches of descriptors": ends(
        _HOARD
        + """
def f():
    many = [select.epoll() for _ in range(100)]
    ends = [os.pipe()[0] for _ in range(70)]
    for one in many:
        for end in ends: one.register(end)
    return len(many) * len(ends)
"""
    ),
    "epoll that watches itself": ends(
        _HOARD
        + """
def f():
    chain = [select.epoll()]
    try:
        while len(chain) < 100:
            chain.append(select.epoll())
            chain[-1].register(chain[-2].fileno())
        chain[0].register(chain[-1].fileno())
    except OSError as error: return error.errno
"""
    ),
    "hoarding timers": ends(
        _HOARD
        + """
def f():
    timer = ctypes.c_void_p()
    return hoard(lambda: checked(libc.timer_create(1, None, ctypes.byref(timer))))
""",
        "ok",
        "memory",
        "timeout",
    ),
    "hoarding signals": ends(
        _HOARD
        + """
def f():
    signal.pthread_sigmask(signal.SIG_BLOCK, range(34, 64))
    return hoard(lambda: checked(libc.sigqueue(os.getpid(), 40, None)))
""",
        "ok",
        "timeout",
    ),
    "descriptors on their way": ends(
        _HOARD
        + """
def f():
    a, b = socket.socketpair()
    a.setblocking(False)
    def send():
        x, y = socket.socketpair()
        return socket.send_fds(a, [b'x'], [x.fileno(), y.fileno(), a.fileno(), b.fileno()])
    return hoard(send)
"""
    ),
    "a map of many pieces": ends(
        _HOARD
        + """
import mmap
def f():
    page = mmap.mmap(-1, 48 << 20)
    at = ctypes.addressof(ctypes.c_char.from_buffer(page))
    return hoard(lambda n=iter(range(0, 48 << 20, 8192)): checked(libc.mprotect(ctypes.c_void_p(at + next(n, -1)), 4096, 1)))
""",
        "ok",
        "memory",
        "crash",
    ),
    "robust futexes and barriers": ends(
        """
import ctypes, threading
libc = ctypes.CDLL(None)
def f():
    libc.syscall(ctypes.c_long(324), 1, 0, 0)
    held = [threading.Barrier(2) for _ in range(10000)]
    return len(held)
"""
    ),
}
