"""The entry point on a machine that is rented for programs alone: one request from a file, one reply into a file."""

# ruff: noqa: PTH103, PTH105, PTH107, PTH118, PTH120, PTH123, PTH208
# pathlib would be loaded into every child
from __future__ import annotations

import json
import os
import tempfile
from typing import Any

from . import runtimes, syscalls
from .launch import Plain
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

    def __init__(self, watch: Watch) -> None:
        super().__init__(watch)
        self._user = _FIRST_USER + os.getpid() % _USERS if os.geteuid() == 0 else None
        self.ours = None if self._user is None else 0  # nobody else runs as that user

    def _give_up_rights(self) -> None:
        """Become the user."""
        if self._user is not None:
            os.chown(self._scratch, self._user, self._user)
            os.setgroups([])
            os.setresgid(self._user, self._user, self._user)
            os.setresuid(self._user, self._user, self._user)
        syscalls.no_new_privileges()
