"""Programs that multiply, detach, signal, change how they are scheduled, and that wait for each other."""

from __future__ import annotations

from typing import Final

from tests.tools.sandbox.hostile.attack import QUICK, ROOMY, Attack, ends, never_ends, script

PROCESSES: Final[dict[str, Attack]] = {
    "fork bomb": never_ends(
        """
import os
def f():
    while True:
        os.fork()
""",
        "pids",
    ),
    "fork storm": never_ends(
        """
import os
def f():
    while True:
        try:
            if os.fork() == 0: os._exit(0)
        except OSError: pass
""",
        "pids",
    ),
    "fork storm that reaps": never_ends(
        """
import os
def f():
    while True:
        if os.fork() == 0: os._exit(0)
        os.wait()
"""
    ),
    "fork chain": never_ends(
        """
import os, signal, time
def f():
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    if os.fork() == 0:
        while True:
            try:
                if os.fork(): os._exit(0)
            except OSError: pass
    time.sleep(60)
""",
        "pids",
    ),
    "processor time in children that exit": never_ends(
        """
import os, signal, time
def f():
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        if os.fork() == 0:
            end = time.process_time() + 0.02
            while time.process_time() < end: pass
            os._exit(0)
        time.sleep(0.02)
""",
        "pids",
    ),
    "more processor time than allowed, in children that exit": Attack(
        """
import os, signal, time
def f():
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for _ in range(20):
        if os.fork() == 0:
            while time.process_time() < 0.1: pass
            os._exit(0)
        try: os.wait()
        except ChildProcessError: pass
    return 'wrong'
""",
        ("timeout",),
        ROOMY.model_copy(update={"cpu_s": 0.5}),
    ),
    "processor time in a chain of orphans": never_ends(
        """
import os, signal, time
def burn():
    end = time.process_time() + 0.02
    while time.process_time() < end: pass
def f():
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    if os.fork() == 0:
        while True:
            burn()
            try:
                if os.fork(): os._exit(0)
            except OSError: pass
    while True: signal.pause()
""",
        "pids",
    ),
    "busy loop in children": never_ends(
        """
import os, time
def f():
    for _ in range(3):
        if os.fork() == 0:
            while True: pass
    time.sleep(60)
"""
    ),
    "thread bomb": ends(
        """
import threading, time
def f():
    while True:
        threading.Thread(target=time.sleep, args=(600,)).start()
""",
        "pids",
        "memory",
    ),
    "thread bomb in children": never_ends(
        """
import os, threading, time
def f():
    for _ in range(4): os.fork()
    while True:
        try: threading.Thread(target=time.sleep, args=(600,)).start()
        except RuntimeError: pass
""",
        "pids",
        "memory",
    ),
    "zombies": ends(
        """
import os
def f():
    for _ in range(1000):
        if os.fork() == 0: os._exit(0)
""",
        "pids",
    ),
    "daemon by forking twice": ends(
        """
import os, time
def f():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0: time.sleep(3600)
        os._exit(0)
    return 1
"""
    ),
    "daemon that outlives a script": script(
        """
import os, time
if os.fork() == 0:
    os.setsid()
    os.closerange(0, 255)
    time.sleep(3600)
print("wrong")
"""
    ),
    "forked copy goes on": ends(
        """
import os
def f():
    return os.fork() and 1
"""
    ),
    "threads left over": ends(
        """
import threading, time
def f():
    threading.Thread(target=time.sleep, args=(3600,)).start()
    return 1
"""
    ),
    "threads that are no daemons, after a script": script(
        """
import threading, time
threading.Thread(target=time.sleep, args=(3600,)).start()
print("wrong")
""",
        "timeout",
        limits=QUICK,
    ),
    "threads that start threads after the end": ends(
        """
import threading, time
def again():
    while True:
        try: threading.Thread(target=again, daemon=True).start()
        except RuntimeError: time.sleep(0.01)
def f():
    threading.Thread(target=again, daemon=True).start()
    return 1
""",
        "ok",
        "pids",
        "memory",
        "timeout",
        "no_result",
    ),
    "killing everybody": ends(
        """
import os
def f():
    os.kill(-1, 9)
    os.kill(1, 9)
    os._exit(0)
""",
        "ok",
        "no_result",
        "crash",
    ),
    "killing its process group": ends(
        """
import os
def f():
    os.kill(0, 9)
    os.killpg(0, 9)
    return 1
"""
    ),
    "signals to the parent": ends(
        """
import os, signal
def f():
    reached = []
    for pid in {os.getppid(), 2, 3, 4, -2, -3}:
        for number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM, 0):
            try: os.kill(pid, number) if pid else None
            except OSError: continue
            if pid: reached.append(pid)
    return 'reached', reached
"""
    ),
    "stopping itself": never_ends(
        """
import os, signal
def f():
    os.kill(0, signal.SIGSTOP)
    os.kill(os.getpid(), signal.SIGSTOP)
    while True: pass
"""
    ),
    "stopping its children": ends(
        """
import os, signal, time
def f():
    for _ in range(4):
        pid = os.fork()
        if pid == 0: time.sleep(3600)
        os.kill(pid, signal.SIGSTOP)
    return 1
"""
    ),
    "ignoring every signal": never_ends(
        """
import signal
def f():
    for s in range(1, 65):
        try: signal.signal(s, signal.SIG_IGN)
        except (OSError, ValueError): pass
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
    while True: pass
"""
    ),
    "handlers that raise for ever": never_ends(
        """
import signal
def again(*a):
    raise ValueError
def f():
    signal.signal(signal.SIGALRM, again)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    while True:
        try:
            while True: pass
        except ValueError: pass
""",
        "ok",
    ),
    "timers and alarms after the end": ends(
        """
import signal, time
def late(*a):
    time.sleep(3600)
def f():
    for kind, number in ((0, signal.SIGALRM), (1, signal.SIGVTALRM), (2, signal.SIGPROF)):
        signal.signal(number, late)
        signal.setitimer(kind, 0.02)
    return 1
""",
        "ok",
        "timeout",
        "no_result",
    ),
    "every kind of deadlock in threads": never_ends(
        """
import threading
a, b = threading.Lock(), threading.Lock()
def cross(x, y):
    with x:
        ready.wait()
        with y: pass
ready = threading.Barrier(2)
def f():
    pair = [threading.Thread(target=cross, args=p) for p in ((a, b), (b, a))]
    for t in pair: t.start()
    for t in pair: t.join()
"""
    ),
    "a lock taken twice": never_ends(
        """
import threading
def f():
    l = threading.Lock(); l.acquire(); l.acquire()
"""
    ),
    "deadlock of processes": never_ends(
        """
import os
def f():
    (r, w), (s, v) = os.pipe(), os.pipe()
    if os.fork() == 0:
        os.read(r, 1)
        os.write(v, b'x')
    os.read(s, 1)
    os.write(w, b'x')
"""
    ),
    "waiting for a child that waits for its parent": never_ends(
        """
import os, fcntl
def f():
    lock = open('lock', 'w')
    fcntl.lockf(lock, fcntl.LOCK_EX)
    if os.fork() == 0:
        fcntl.lockf(open('lock', 'w'), fcntl.LOCK_EX)
        os._exit(0)
    os.wait()
"""
    ),
    "a pool of processes that never ends": never_ends(
        """
import multiprocessing, time
def f():
    with multiprocessing.Pool(3) as pool:
        return pool.map(time.sleep, [3600] * 3)
""",
        "pids",
    ),
    "another interpreter in its place": never_ends(
        """
import os, sys
def f():
    os.execv(sys.executable, ['python', '-S', '-c', 'while True: pass'])
"""
    ),
    "another interpreter that ends well": ends(
        """
import os, sys
def f():
    os.execv(sys.executable, ['python', '-I', '-S', '-c', 'raise SystemExit(0)'])
""",
        "no_result",
        "crash",
    ),
    "games with prctl": never_ends(
        """
import ctypes
prctl = ctypes.CDLL(None).prctl
def f():
    prctl(15, b'a) R 1 2 3 (', 0, 0, 0)  # PR_SET_NAME
    prctl(1, 0, 0, 0, 0)  # PR_SET_PDEATHSIG
    prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE
    prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
    prctl(29, 10**9, 0, 0, 0)  # PR_SET_TIMERSLACK
    prctl(26, 1, 0, 0, 0)  # PR_SET_TSC
    while True: pass
""",
        "crash",
    ),
    "a filter of its own on system calls": ends(
        """
import ctypes
def f():
    ctypes.CDLL(None).prctl(22, 1, 0, 0, 0)  # PR_SET_SECCOMP, strict: only read, write, exit
    return 1
""",
        "crash",
        "no_result",
        "ok",
    ),
    "games with the scheduler": never_ends(
        """
import os
def f():
    for action in (
        lambda: os.nice(19),
        lambda: os.setpriority(os.PRIO_USER, os.getuid(), 19),
        lambda: os.setpriority(os.PRIO_PGRP, 0, 19),
        lambda: os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]),
        lambda: os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0)),
    ):
        try: action()
        except OSError: pass
    while True: pass
"""
    ),
}
