"""A host of its own: runs hostile programs on one sandbox, in a process that a test starts as any user.

The first argument names what isolates. It reads one JSON list [kind, name] a line and answers each with one JSON line;
at the end of the input, with its faults. With `--own-mounts` it was started in a mount namespace of its own, and what
is mounted may not change either.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Final, cast, get_args

from pydantic import JsonValue

from mendloop.tools.sandbox.local import LocalSandbox
from mendloop.tools.values import decode
from tests.tools.sandbox.hostile import trial
from tests.tools.sandbox.hostile.attack import Isolation
from tests.tools.sandbox.hostile.catalog import ATTACKS
from tests.tools.sandbox.hostile.picture import (
    OWN_MOUNTS,
    Picture,
    changes,
    descendants,
    of_namespace,
    of_process,
    still_there,
)
from tests.tools.sandbox.hostile.trial import Trial

_KINDS: Final[dict[str, Callable[[LocalSandbox, str], Awaitable[Trial]]]] = {
    "attack": trial.attack,
    "escape": trial.escape,
    "forgery": trial.forgery,
    "checked": trial.checked,
    "remembered": trial.remembered,
}


async def main() -> None:
    """Serve until the input ends."""
    await asyncio.to_thread(os.getpid)  # the thread of the input is there before the first picture
    before = _own()
    async with LocalSandbox(1, _isolation()) as sandbox:
        clean = await trial.portrait(sandbox)
        while line := await asyncio.to_thread(sys.stdin.readline):
            kind, name = json.loads(line)
            tell(dataclasses.asdict(await watched(sandbox, kind, name, clean)))
    after = _own()
    tell({"faults": changes(still_there(before), still_there(after))})


async def watched(sandbox: LocalSandbox, kind: str, name: str, clean: JsonValue) -> Trial:
    """Run one program and look at everything around it: memory, the next execution, what is left over."""
    if kind == "together":
        return await together()
    below, opened = await _at_rest()
    found: Trial | None = None
    with trial.sampled(lambda: found):
        found = await _KINDS[kind](sandbox, name)
    if found.host_mb > trial.HOST_MB:
        found.faults.append(f"the host grew by {found.host_mb:.0f} MB of {trial.HOST_MB:.0f}")
    if found.inside_mb > trial.INSIDE_MB:
        found.faults.append(f"the processes below took {found.inside_mb:.0f} MB of {trial.INSIDE_MB:.0f}")
    now = await trial.portrait(sandbox)
    if now != clean:
        found.faults.append(f"the next execution is not clean: {_difference(clean, now)}")
    if not await _settled(below):
        found.faults.append("other processes are below the host than before")
    elif _opened() != opened:
        found.faults.append(f"descriptors: {opened} became {_opened()}")
    return found


async def _at_rest() -> tuple[set[int], list[int | None]]:
    """Return the processes below this one and all open descriptors, once they are the same for a moment."""
    while True:
        before = descendants(os.getpid()), _opened()
        await asyncio.sleep(0.02)
        if (descendants(os.getpid()), _opened()) == before:
            return before


async def _settled(below: set[int]) -> bool:
    """Wait until just these processes are below this one: what has answered may need a moment to end."""
    for _ in range(500):
        if descendants(os.getpid()) == below:
            return True
        await asyncio.sleep(0.02)
    return False


async def together() -> Trial:
    """Run every attack, two at once, so that they stand in each other's way: it is the sandbox that may not fail."""
    async with LocalSandbox(2, _isolation()) as sandbox:
        trials = await asyncio.gather(*(trial.attack(sandbox, name) for name in ATTACKS))
    told = zip(ATTACKS, trials, strict=True)
    return Trial(faults=[f"{name} {one.faults}" for name, one in told if one.status == "sandbox_error"])


def tell(answer: dict[str, object]) -> None:
    """Answer with one line."""
    print(json.dumps(answer), flush=True)  # noqa: T201 - the answer to whoever started this process


def _isolation() -> Isolation:
    """Return what was named. Nothing but these is ever given hostile programs: they would have the host."""
    named = sys.argv[1]
    if named not in get_args(Isolation):
        raise ValueError(f"{named} does not isolate on this machine")
    return cast(Isolation, named)


def _own() -> Picture:
    return of_process() | (of_namespace() if OWN_MOUNTS in sys.argv else {"mounts": []})


def _opened() -> list[int | None]:
    return [trial.descriptors(pid) for pid in (os.getpid(), *sorted(descendants(os.getpid())))]


def _difference(clean: JsonValue, now: JsonValue) -> str:
    if not isinstance(clean, list) or not isinstance(now, list):
        return f"{now}"[:500]
    old, new = decode(clean), decode(now)
    return "; ".join(f"{name} {old[name]} became {new[name]}"[:500] for name in new if new[name] != old[name])


if __name__ == "__main__":
    asyncio.run(main())
