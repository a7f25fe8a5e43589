"""The users that hostile programs run as, and the process that runs them for one of these users."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal

from tests.tools.sandbox.hostile.attack import Isolation
from tests.tools.sandbox.hostile.picture import OWN_MOUNTS

User = Literal["root", "ordinary"]

REPOSITORY: Final = Path(__file__).parents[4]
SYSTEM_PYTHON: Final = "/usr/bin/python3"
ORDINARY_ID: Final = 1000
USERS: Final[tuple[User, ...]] = ("root", "ordinary") if os.geteuid() == 0 else ("ordinary",)
"""An ordinary user cannot become root, so there is no such half for one; root tests both."""


PACKAGES: Final = next(Path(path) for path in sys.path if path.endswith("site-packages"))
_HOST: Final = "tests.tools.sandbox.hostile.host"
_LOADED: Final = f"import sys, {_HOST}; print(*sorted(set(name.partition('.')[0] for name in sys.modules)))"


def user_id(user: User) -> int:
    """Return the user id that the host process of a user has."""
    return ORDINARY_ID if os.geteuid() == 0 and user == "ordinary" else os.geteuid()


def interpreter_for_everybody() -> str | None:
    """Return an interpreter of this version that every user can start, or None."""
    if os.geteuid() != 0:
        return sys.executable
    base = str(Path(getattr(sys, "_base_executable", sys.executable)).resolve())
    return next((path for path in (base, SYSTEM_PYTHON) if _open_to_all(Path(path)) and same_version(path)), None)


def copy_for_everybody(folder: Path) -> None:
    """Copy what the host process imports to where every user can read it: the checkout may lie where none can."""
    loaded = subprocess.run(
        [sys.executable, "-c", _LOADED], cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout.split()
    folder.chmod(0o755)
    leave = shutil.ignore_patterns("__pycache__")
    for name in loaded:
        root = REPOSITORY if name == "mendloop" else PACKAGES
        if name != "tests" and (root / name).is_dir():
            shutil.copytree(root / name, folder / name, ignore=leave)
        elif (root / f"{name}.py").is_file():
            shutil.copy(root / f"{name}.py", folder)
    inside = Path(__file__).parent.relative_to(REPOSITORY)
    shutil.copytree(REPOSITORY / inside, folder / inside, ignore=leave)


class Host:
    """The process of one user. Ask it for a program, then close it."""

    def __init__(self, command: Sequence[str], folder: Path, path: Sequence[Path], user: int) -> None:
        self._process = subprocess.Popen(
            [*_alone(user), *command, *([OWN_MOUNTS] if os.geteuid() == 0 else [])],
            cwd=folder,
            env={"PYTHONPATH": os.pathsep.join(map(str, path)), "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def ask(self, kind: str, name: str = "") -> list[str]:
        """Run one program; return what was wrong."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps([kind, name]) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> list[str]:
        """End the process; return what is not as it was when it began. A second time there is nothing to say."""
        assert self._process.stdin
        if self._process.stdin.closed:
            return []
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        answer = self._answer()
        self._process.wait()
        assert self._process.stdout
        self._process.stdout.close()
        return answer

    def _answer(self) -> list[str]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            return [f"the host process is gone: {self._process.wait()}"]
        answer: dict[str, Any] = json.loads(line)
        faults: list[str] = answer["faults"]
        return faults


@contextmanager
def opened_host(user: User, python: str, isolation: Isolation = "local") -> Iterator[Host]:
    """Open a host process as one of the users, with `python` for one that is not who runs the tests."""
    program = ["-m", _HOST, isolation]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if user_id(user) == os.geteuid():
            host = Host([sys.executable, *program], folder, [REPOSITORY, PACKAGES], os.geteuid())
        else:
            copy_for_everybody(folder)
            host = Host([python, *program], folder, [folder], user_id(user))
        try:
            yield host
        finally:
            host.close()


def _alone(user: int) -> list[str]:
    """Return the command that gives a program a mount namespace of its own and this user; only root can."""
    if os.geteuid() != 0:
        return []
    own = ["unshare", "--mount", "--propagation", "private", "--setgid", str(user), "--setuid", str(user), "--"]
    subprocess.run([*own, "true"], check=True)  # what stands in the way is said by the command itself
    return own


def _open_to_all(path: Path) -> bool:
    real = path.resolve()
    if not real.exists():
        return False
    return all(part.stat().st_mode & stat.S_IXOTH for part in (real, *real.parents))


def same_version(python: str) -> bool:
    """Tell whether an interpreter is there and can load the packages of this one."""
    if not Path(python).exists():
        return False
    asked = subprocess.run(
        [python, "-c", "import sys; print(*sys.version_info[:2])"], capture_output=True, text=True, check=False
    )
    return asked.stdout.split() == [str(part) for part in sys.version_info[:2]]
