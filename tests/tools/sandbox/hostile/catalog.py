"""Every attack by its name."""

from __future__ import annotations

from typing import Final

from tests.tools.sandbox.hostile.answers import ANSWERS
from tests.tools.sandbox.hostile.attack import Attack
from tests.tools.sandbox.hostile.endings import ENDINGS
from tests.tools.sandbox.hostile.kernel import KERNEL
from tests.tools.sandbox.hostile.memory import MEMORY
from tests.tools.sandbox.hostile.output import OUTPUT
from tests.tools.sandbox.hostile.processes import PROCESSES
from tests.tools.sandbox.hostile.storage import STORAGE
from tests.tools.sandbox.hostile.timing import TIMING

_GROUPS: Final = (PROCESSES, MEMORY, STORAGE, OUTPUT, ENDINGS, TIMING, KERNEL, ANSWERS)

ATTACKS: Final[dict[str, Attack]] = {name: attack for group in _GROUPS for name, attack in group.items()}

if len(ATTACKS) != sum(map(len, _GROUPS)):
    raise ValueError("two attacks have one name")
