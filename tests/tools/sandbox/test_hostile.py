"""Hostile programs: the sandbox survives each, tells the truth about it, and the next execution is clean."""

# ruff: noqa: E501
# Programs are literals in one piece.

from __future__ import annotations

from typing import NamedTuple

import pytest

from mendloop.records import Call, Case, Limits, Request
from mendloop.tools.judging import calls_of, judge
from mendloop.tools.sandbox.protocol import Sandbox
from mendloop.tools.values import render

SMALL = Limits(cpu_s=0.5, wall_s=1.0, memory_mb=96, pids=16, disk_mb=4, output_mb=0.05)


class Attack(NamedTuple):
    """A program, and the program statuses that are an honest verdict on calling its f()."""

    code: str
    honest: tuple[str, ...]


ATTACKS: dict[str, Attack] = {
    "fork bomb": Attack("import os\ndef f():\n    while True:\n        os.fork()\n", ("pids", "timeout")),
    "fork storm": Attack(
        "import os\ndef f():\n    while True:\n        try:\n            if os.fork() == 0: os._exit(0)\n"
        "        except OSError: pass\n",
        ("pids", "timeout"),
    ),
    "thread bomb": Attack(
        "import threading, time\ndef f():\n    while True:\n        threading.Thread(target=time.sleep, args=(60,)).start()\n",
        ("pids", "memory"),
    ),
    "memory in one process": Attack("def f():\n    return len(bytearray(1 << 30))\n", ("memory",)),
    "memory bit by bit": Attack("def f():\n    x = []\n    while True: x.append(bytes(1 << 16))\n", ("memory",)),
    "memory in eight processes": Attack(
        "import os, time\ndef f():\n    for _ in range(8):\n        if os.fork() == 0:\n"
        "            x = bytearray(50 << 20)\n            time.sleep(60)\n    time.sleep(60)\n",
        ("memory",),
    ),
    "huge integer": Attack("def f():\n    x = 9 ** 9 ** 9\n", ("timeout", "memory")),
    "disk fill": Attack(
        "def f():\n    with open('a', 'wb') as a:\n        while True: a.write(bytes(1 << 16))\n", ("disk",)
    ),
    "disk fill in many files": Attack(
        "def f():\n    for i in range(100):\n        with open(f'a{i}', 'wb') as a: a.write(bytes(1 << 18))\n",
        ("disk",),
    ),
    "inode fill": Attack("def f():\n    for i in range(10**5): open(f'a{i}', 'w').close()\n", ("disk",)),
    "endless output": Attack("def f():\n    while True: print('x' * 1000)\n", ("output_limit",)),
    "endless errors": Attack("import os\ndef f():\n    while True: os.write(2, b'x' * 1000)\n", ("output_limit",)),
    "flood on every descriptor": Attack(
        "import os\ndef f():\n    while True:\n        for fd in range(3, 256):\n            try: os.write(fd, b'x' * 65536)\n"
        "            except OSError: pass\n",
        ("no_result", "output_limit", "timeout"),
    ),
    "sys.exit": Attack("import sys\ndef f():\n    sys.exit(0)\n", ("ok",)),
    "os._exit": Attack("import os\ndef f():\n    os._exit(0)\n", ("no_result",)),
    "exit while loading": Attack("import os\nos._exit(0)\n", ("no_result",)),
    "atexit": Attack("import atexit, os\natexit.register(os._exit, 0)\ndef f():\n    raise SystemExit(0)\n", ("ok",)),
    "busy loop": Attack("def f():\n    while True: pass\n", ("timeout",)),
    "busy loop in children": Attack(
        "import os, time\ndef f():\n    for _ in range(3):\n        if os.fork() == 0:\n            while True: pass\n    time.sleep(60)\n",
        ("timeout",),
    ),
    "sleep": Attack("import time\ndef f():\n    time.sleep(60)\n", ("timeout",)),
    "deadlock": Attack(
        "import threading\ndef f():\n    l = threading.Lock(); l.acquire(); l.acquire()\n", ("timeout",)
    ),
    "ignoring every signal": Attack(
        "import signal\ndef f():\n    for s in range(1, 65):\n        try: signal.signal(s, signal.SIG_IGN)\n"
        "        except (OSError, ValueError): pass\n    while True: pass\n",
        ("timeout",),
    ),
    "swallowing every exception": Attack(
        "def f():\n    while True:\n        try:\n            while True: pass\n        except BaseException: pass\n",
        ("timeout",),
    ),
    "catastrophic regular expression": Attack(
        "import re\ndef f():\n    re.match('(a+)+$', 'a' * 40 + 'b')\n", ("timeout",)
    ),
    "stopping itself": Attack(
        "import os, signal\ndef f():\n    os.kill(0, signal.SIGSTOP)\n    while True: pass\n", ("timeout",)
    ),
    "killing everybody": Attack(
        "import os\ndef f():\n    os.kill(-1, 9)\n    os.kill(1, 9)\n    os._exit(0)\n", ("ok", "no_result", "crash")
    ),
    "killing its process group": Attack(
        "import os\ndef f():\n    os.kill(0, 9)\n    os.killpg(0, 19)\n    return 1\n", ("ok", "timeout")
    ),
    "bad memory access": Attack("import ctypes\ndef f():\n    ctypes.string_at(0)\n", ("crash",)),
    "abort": Attack("import os\ndef f():\n    os.abort()\n", ("crash",)),
    "deep recursion": Attack("def f():\n    return f()\n", ("ok",)),
    "deep recursion in C": Attack(
        "import sys\nsys.setrecursionlimit(10**9)\ndef f():\n    x = ()\n    for _ in range(10**6): x = (x,)\n    return hash(x)\n",
        ("crash", "ok", "memory", "timeout"),
    ),
    "closing every descriptor": Attack(
        "import os\ndef f():\n    os.closerange(0, 4096)\n    return 'right'\n", ("no_result",)
    ),
    "reading stdin": Attack("def f():\n    return input()\n", ("ok",)),
    "daemon": Attack(
        "import os, time\ndef f():\n    if os.fork() == 0:\n        os.setsid()\n        if os.fork() == 0: time.sleep(3600)\n"
        "        os._exit(0)\n    return 1\n",
        ("ok",),
    ),
    "forked copy goes on": Attack("import os\ndef f():\n    return os.fork() and 1\n", ("ok",)),
    "threads left over": Attack(
        "import threading, time\ndef f():\n    threading.Thread(target=time.sleep, args=(3600,)).start()\n    return 1\n",
        ("ok",),
    ),
    "zip bomb": Attack(
        "import zlib\ndef f():\n    z = zlib.compress(bytes(200 << 20))\n    return len(zlib.decompress(z))\n",
        ("memory",),
    ),
    "kernel memory in pipes": Attack(
        "import os\ndef f():\n    held = []\n    while True:\n        held.append(os.pipe())\n", ("ok",)
    ),
}


@pytest.mark.parametrize("name", ATTACKS)
async def test_the_verdict_is_honest_and_the_next_execution_is_clean(sandbox: Sandbox, name: str) -> None:
    attack = ATTACKS[name]
    cases = [Case(id="f", call="f()", expect="'right'")]
    done = await sandbox.run(Request(code=attack.code, calls=calls_of(cases), limits=SMALL))
    result = await judge(cases, done, sandbox, SMALL)
    assert done.status in attack.honest
    assert not result.passed
    assert result.cases[0].status != "pass"
    clean = "import os\ndef f():\n    return sorted(os.listdir('.')), os.getpid(), len(os.environ)\n"
    after = await sandbox.run(Request(code=clean, calls=(Call(id="f", call="f()"),), limits=SMALL))
    assert (after.status, render(after.outcomes[0].value)) == ("ok", "([], 1, 0)")


FORGERIES = {
    "equal to everything": "class A(int):\n    def __eq__(self, other): return True\n    __hash__ = None\ndef f():\n    return A(1)\n",
    "class spoof": "class A:\n    __class__ = str\n    def __eq__(self, other): return True\n    def __repr__(self): return \"'right'\"\ndef f():\n    return A()\n",
    "replaced builtins": "import builtins\nfor name in ('type', 'isinstance', 'len', 'repr', 'str', 'issubclass', 'any', 'hex'):\n    setattr(builtins, name, lambda *a: True)\ndef f():\n    return 'wrong'\n",
    "replaced json": "import json, json.encoder\njson.dumps = json.loads = json.encoder.encode_basestring_ascii = lambda *a, **k: '\"right\"'\njson.JSONEncoder.encode = json.dumps\ndef f():\n    return 'wrong'\n",
    "replaced os": "import os\nos.write = os.getpid = os._exit = lambda *a: 1\ndef f():\n    return 'wrong'\n",
    "writing pass everywhere": "import os\ndef f():\n    for fd in range(3, 256):\n        try: os.write(fd, b'{\"status\": \"pass\"}')\n        except OSError: pass\n    return 'wrong'\n",
    "frame walk": "import sys\ndef f():\n    frame, found = sys._getframe(), []\n    while frame:\n        found += [v for v in [*frame.f_locals.values(), *frame.f_globals.values()] if isinstance(v, str) and 'right' in v]\n        frame = frame.f_back\n    return found[0] if found else 'wrong'\n",
    "gc walk": "import gc\ndef f():\n    found = [o for o in gc.get_objects() if isinstance(o, dict) and 'expect' in o]\n    return found[0]['expect'] if found else 'wrong'\n",
    "raised outside the tests": "class AssertionError(Exception): pass\ndef f():\n    raise AssertionError\n",
    "exit codes": "import os, atexit\natexit.register(lambda: os._exit(0))\ndef f():\n    raise SystemExit('right')\n",
    "an exception that lies": "class E(Exception):\n    def __str__(self): raise RuntimeError\n    __traceback__ = property(lambda self: 1/0)\n    @property\n    def errno(self): raise KeyError\ndef f():\n    raise E\n",
}


@pytest.mark.parametrize("name", FORGERIES)
async def test_no_program_can_forge_a_pass(sandbox: Sandbox, name: str) -> None:
    cases = [
        Case(id="a", call="f()", expect="'right'"),
        Case(id="b", call="'ri' + 'ght'", expect="'right'", isolated=True),
    ]
    done = await sandbox.run(Request(code=FORGERIES[name], calls=calls_of(cases)))
    result = await judge(cases, done, sandbox, SMALL)
    assert done.status in ("ok", "no_result")
    assert result.cases[0].status in ("fail", "error", "unencodable", "missing")
    assert result.cases[1].status == "pass"


# Each expression must be False: it is True when the program reached what it must not reach.
ESCAPES = {
    "shadow": "reads('/etc/shadow') or reads('/etc/passwd')",
    "environment": "bool(os.environ) or reads('/proc/1/environ') or reads('/proc/self/environ')",
    "host files": "any(map(os.path.exists, ['/home', '/var', '/proc/1', '/sys', '/etc', '/opt', '/dev/sda', '/dev/mem', '/dev/kmsg']))",
    "tcp": "works(lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))",
    "udp": "works(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))",
    "raw socket": "works(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))",
    "netlink": "works(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))",
    "unix socket": "works(lambda: socket.socket(socket.AF_UNIX))",
    "vsock": "works(lambda: socket.socket(40, socket.SOCK_STREAM))",
    "dns": "works(lambda: socket.getaddrinfo('example.org', 80))",
    "ptrace": "syscall(NR['ptrace'], 0, 0, 0, 0) == 0",
    "unshare": "libc.unshare(0x10000000) == 0 or libc.unshare(0x20000) == 0",
    "clone into namespaces": "syscall(NR['clone'], 0x10000000 | 17, 0, 0, 0, 0) >= 0",
    "clone3": "syscall(435, 0, 0) >= 0 or ctypes.get_errno() != 38",
    "setns": "syscall(NR['setns'], 0, 0) == 0 or ctypes.get_errno() != 1",
    "mount": "libc.mount(b'none', b'/tmp', b'tmpfs', 0, None) == 0",
    "remount": "libc.mount(None, b'/', None, 32 | 4096, None) == 0",
    "umount": "libc.umount2(b'/tmp', 2) == 0",
    "chroot": "works(lambda: os.chroot('.'))",
    "keyctl": "syscall(NR['keyctl'], 0, -3, 0) >= 0",
    "bpf": "syscall(NR['bpf'], 0, 0, 0) >= 0 or ctypes.get_errno() != 1",
    "io_uring": "syscall(425, 1, 0) >= 0 or ctypes.get_errno() != 1",
    "userfaultfd": "syscall(NR['userfaultfd'], 1) >= 0",
    "perf": "syscall(NR['perf'], 0, 0, -1, -1, 0) >= 0 or ctypes.get_errno() != 1",
    "personality": "libc.personality(0x0040000) >= 0",
    "clock": "works(lambda: time.clock_settime(time.CLOCK_REALTIME, 0))",
    "reboot": "libc.reboot(0x89ABCDEF) == 0",
    "shared memory": "libc.shmget(1, 4096, 0o1600) >= 0",
    "memory outside the limits": "works(lambda: os.memfd_create('x'))",
    "becoming root": "works(lambda: os.setuid(0)) or works(lambda: os.setgid(0)) or os.geteuid() == 0",
    "device nodes": "works(lambda: os.mknod('null', 0o20666, os.makedev(1, 3)))",
    "raising limits": "works(lambda: resource.setrlimit(resource.RLIMIT_NPROC, (10**4, 10**4)))",
    "lowering nice": "works(lambda: os.nice(-5))",
    "writing the interpreter": "writes('/usr/x') or writes(os.__file__) or writes(sys.executable)",
    "writing devices": "writes('/dev/x') or writes('/proc/sys/kernel/core_pattern') or writes('/proc/sysrq-trigger')",
    "symbolic link": "works(lambda: os.symlink('/proc/1/root/etc/shadow', 'link')) and reads('link')",
    "hard link": "works(lambda: os.link(os.__file__, 'link'))",
    "parent folders": "reads('/tmp/../../../../../etc/shadow') or os.path.exists('/proc/self/root')",
    "inherited descriptors": "[fd for fd in range(3, 255) if works(lambda: os.fstat(fd))] != []",
    "shell": "os.system('true') == 0",
    "third-party packages": "works(lambda: __import__('pydantic'), ImportError) or works(lambda: __import__('pip'), ImportError)",
    "the harness by import": "works(lambda: __import__('inside.worker'), ImportError) or 'inside' in sys.modules",
    "signals to the host": "works(lambda: os.kill(os.getppid() or 2, 0))",
}
ESCAPE_CODE = """
import ctypes, os, platform, resource, socket, sys, time
libc = ctypes.CDLL(None, use_errno=True)
def syscall(*numbers): return libc.syscall(*map(ctypes.c_long, numbers))
X86 = platform.machine() == 'x86_64'
NR = dict(ptrace=101, clone=56, setns=308, keyctl=250, bpf=321, userfaultfd=323, perf=298) if X86 else \
    dict(ptrace=117, clone=220, setns=268, keyctl=219, bpf=280, userfaultfd=282, perf=241)
def works(action, *stopped):
    try: action()
    except (OSError, ValueError, *stopped): return False
    return True
def reads(path): return works(lambda: open(path, 'rb').read())
def writes(path): return works(lambda: open(path, 'r+b' if os.path.exists(path) else 'wb'))
"""


async def test_no_program_reaches_what_is_outside(sandbox: Sandbox) -> None:
    calls = tuple(Call(id=name, call=expression, isolated=True) for name, expression in ESCAPES.items())
    done = await sandbox.run(Request(code=ESCAPE_CODE, calls=calls))
    assert {outcome.id: outcome.value for outcome in done.outcomes} == dict.fromkeys(ESCAPES, False)


async def test_left_over_files_are_gone_in_the_next_child(sandbox: Sandbox) -> None:
    code = "import os\ndef f():\n    open('left', 'w').close()\n    return sorted(os.listdir('/tmp'))\n"
    calls = tuple(Call(id=str(i), call="f()", isolated=True) for i in range(2))
    done = await sandbox.run(Request(code=code, calls=calls))
    assert [render(outcome.value) for outcome in done.outcomes] == ["['left']", "['left']"]
