"""The entry point on a machine that is rented for programs alone: one request from a file, one reply into a file."""

# ruff: noqa: PTH103, PTH105, PTH107, PTH118, PTH120, PTH123, PTH208
# pathlib would be loaded into every child
from __future__ import annotations

import json
import os
import resource
import tempfile
from typing import Any, NoReturn

from . import runtimes, syscalls
from .launch import Ends, Plain
from .runtimes import Task
from .session import Session
from .watch import Watch

_FIRST_USER, _USERS = 20_000, 40_000
_WORK = "work"


def main(asked: str, left: str) -> None:
    """Serve the request in the file `asked` and leave the reply in the file `left`, whole or not at all.

    No file of this or an earlier execution is there for the program to read.
    """
    with open(asked, encoding="utf-8") as file:
        request = json.load(file)
    folder = os.path.dirname(left)
    for name in os.listdir(folder):
        if name.endswith((".request", ".reply")):
            os.remove(os.path.join(folder, name))
    tempfile.tempdir = os.path.join(folder, _WORK)
    os.makedirs(tempfile.tempdir, mode=0o711, exist_ok=True)
    reply = _serve(request)
    os.umask(0o077)
    with open(f"{left}.part", "wb") as file_out:
        file_out.write(reply)
    os.replace(f"{left}.part", left)


def _serve(request: dict[str, Any]) -> bytes:
    """Return the reply; a fault of this side is one too."""
    try:
        for name in (*runtimes.PRELOAD, *(("sqlite3",) if request["runtime"] == "sql" else ())):
            __import__(name)
        watch = Watch(os.open("/proc", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
        return Session(None, watch, request, Apart(watch)).run()
    except Exception as error:
        return json.dumps({"status": "sandbox_error", "message": f"{type(error).__name__}: {error}"}).encode()


class Apart(Plain):
    """A plain launcher whose children have a user of their own: they can change nothing that a later one relies on.

    Where this process is not root, children keep its user.
    """

    def _child(self, task: Task, ends: Ends) -> NoReturn:
        try:
            with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
                file.write("1000")  # where the machine runs out of memory, this goes and not the runner
            if os.geteuid() == 0:
                user = _FIRST_USER + os.getppid() % _USERS
                os.chown(self._scratch, user, user)
                pids = int(task.limits["pids"])
                resource.setrlimit(resource.RLIMIT_NPROC, (pids, pids))  # nobody else runs as this user
                os.setgroups([])
                os.setresgid(user, user, user)
                os.setresuid(user, user, user)
            syscalls.no_new_privileges()
        except BaseException as error:
            os.write(ends.stderr, f"{type(error).__name__}: {error}".encode())
            os._exit(1)
        super()._child(task, ends)
