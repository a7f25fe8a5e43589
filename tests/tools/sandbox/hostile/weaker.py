"""What bubblewrap cannot bound, by name: expected there, so that a change for better or worse is seen.

Its scratch folder is bounded in bytes and not in files, and files in it can be executed. A fresh interpreter that is
refused memory of the kernel may end without a word.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from mendloop.executions import ProgramStatus
from tests.tools.sandbox.hostile.attack import Attack
from tests.tools.sandbox.hostile.catalog import ATTACKS

_FILES: Final[tuple[ProgramStatus, ...]] = ("ok", "memory", "timeout")
"""As many as there is room for in memory: that of a control group, where there is one, or else until time is over."""

_VERDICTS: Final[dict[str, tuple[ProgramStatus, ...]]] = {
    "inode fill": _FILES,
    "inode fill with folders": _FILES,
    "inode fill with hard links": _FILES,
    "extended attributes": _FILES,
    "folders nested without end": _FILES,
    "memory in the buffers of sockets": ("memory", "pids", "ok", "no_result"),
}
_REACHED: Final = ("programs in the scratch folder",)


def attack_on(isolation: str, name: str) -> Attack:
    """Return an attack with the verdicts that are honest where this isolates."""
    chosen = ATTACKS[name]
    return replace(chosen, honest=_VERDICTS.get(name, chosen.honest)) if isolation == "bwrap" else chosen


def is_stopped(isolation: str, name: str) -> bool:
    """Tell whether a way out is shut where this isolates."""
    return isolation != "bwrap" or name not in _REACHED
