"""End machines that a run left behind: where the host lost its power before it could."""

from __future__ import annotations

from mendloop.errors import SandboxError
from mendloop.tools.sandbox.e2b.plan import Account, Plan
from mendloop.tools.sandbox.e2b.sdk import Cloud


async def clean(account: Account, *, tag: str | None = None, plan: Plan | None = None) -> tuple[str, ...]:
    """End the machines of one run, or with no tag those of every run of mendloop; return their names.

    A run that is going on loses its machines too, and rents new ones. Raises InputError when the cloud refuses the
    key, SandboxError when it does not answer or a machine cannot be ended.
    """
    cloud = Cloud(account, plan or Plan())
    ended: list[str] = []
    failed: list[str] = []
    for name in await cloud.tagged(tag):
        try:
            await cloud.kill(name)
            ended.append(name)
        except SandboxError as error:
            failed.append(f"{name}: {error.what}")
    if failed:
        raise SandboxError(f"{len(failed)} sandboxes could not be ended: {failed[0]}", remedy="try it again")
    return tuple(ended)
