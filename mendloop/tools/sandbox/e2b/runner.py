"""The runner that is put on each machine: the modules of `inside`, packed so that equal code is equal bytes."""

from __future__ import annotations

import hashlib
import io
import shlex
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = "/opt/mendloop"
_INSIDE = Path(__file__).parent.parent / "inside"
NO_PYTHON = 127
"""The exit code, also of the shell, where there is no Python that is new enough."""
_EPOCH = (1980, 1, 1, 0, 0, 0)
# What ran before may have changed the file, so its digest is checked each time, by code that comes from here.
_BOOT = (
    "import os, sys; os.environ.clear(); sys.version_info >= (3, 11) or sys.exit(127); "
    "runner, digest, *paths = sys.argv[1:]; import hashlib; "
    "hashlib.sha256(open(runner, 'rb').read()).hexdigest() == digest or sys.exit('the runner is damaged'); "
    "sys.path.insert(0, runner); import inside.remote as remote; del sys.path[0]; "
    "[sys.modules.pop(name) for name in list(sys.modules) if name.split('.')[0] == 'inside']; remote.main(*paths)"
)


@dataclass(frozen=True)
class Runner:
    """The bytes of the runner, and their sha256."""

    data: bytes
    digest: str

    @property
    def path(self) -> str:
        """Where it lies on a machine."""
        return f"{FOLDER}/{self.digest}.zip"

    def command(self, hash_seed: int, request: str, reply: str) -> str:
        """Return the shell command that takes one request and leaves its reply; it replaces the shell.

        The environment of the machine stays out.
        """
        words = ["-S", "-s", "-P", "-X", "utf8", "-c", _BOOT, self.path, self.digest, request, reply]
        return f'exec env -i PYTHONHASHSEED={hash_seed % 2**32} "$(command -v python3)" {shlex.join(words)}'


@cache
def pack() -> Runner:
    """Return the runner of this version: every module of `inside`, stored in order, with one date."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(_INSIDE.glob("*.py")):
            entry = zipfile.ZipInfo(f"inside/{file.name}", _EPOCH)
            entry.create_system = 3
            archive.writestr(entry, file.read_bytes())
    data = packed.getvalue()
    return Runner(data, hashlib.sha256(data).hexdigest())
