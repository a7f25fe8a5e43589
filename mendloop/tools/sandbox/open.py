"""Open a sandbox backend by its name, and try it before anything relies on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, get_args

from mendloop.errors import InputError, IsolationError
from mendloop.executions import Backend, Probe, SandboxKind
from mendloop.tools.sandbox.protocol import Sandbox

if TYPE_CHECKING:
    from mendloop.tools.sandbox.e2b.plan import Account

BY_ITSELF: tuple[Backend, ...] = ("local", "bwrap")
"""What `auto` tries, in this order. The cloud costs money and "unsafe-local" protects nothing: both only when named."""


def open_sandbox(kind: Backend = "local", workers: int = 2, account: Account | None = None) -> Sandbox:
    """Return a sandbox that starts lazily; `workers` is the number of executions at once.

    Raises InputError for an unknown name, and for e2b without an account.
    """
    if kind in ("local", "bwrap", "unsafe-local"):
        from mendloop.tools.sandbox.local import LocalSandbox

        return LocalSandbox(workers, kind)
    if kind != "e2b":
        raise InputError(f"unknown sandbox {kind!r}", remedy=f"known: {', '.join(get_args(Backend))}")
    if account is None:
        raise InputError("e2b needs a key", where="E2B_API_KEY", remedy="set it, or use another sandbox")
    from mendloop.tools.sandbox.e2b.plan import Plan
    from mendloop.tools.sandbox.e2b.sandbox import E2bSandbox

    return E2bSandbox(account, Plan(machines=workers))


async def tried_sandbox(kind: SandboxKind = "auto", workers: int = 2, account: Account | None = None) -> Sandbox:
    """Return a sandbox whose layers were tried and hold; one that was named "unsafe-local" is not tried.

    Raises IsolationError, naming the first layer that does not hold and its remedy, when there is none.
    """
    refused: list[tuple[Backend, Probe]] = []
    for backend in BY_ITSELF if kind == "auto" else (kind,):
        sandbox = open_sandbox(backend, workers, account)
        if backend == "unsafe-local":
            return sandbox
        try:
            broken = [layer for layer in await probed(sandbox) if not layer.ok]
        except BaseException:
            await sandbox.aclose()
            raise
        if not broken:
            return sandbox
        await sandbox.aclose()
        refused.append((backend, broken[0]))
    raise _refusal(refused)


async def probed(sandbox: Sandbox) -> tuple[Probe, ...]:
    """Return a sandbox's own probes; a setting that is missing is a layer that does not hold."""
    try:
        return await sandbox.probe()
    except InputError as error:
        return (Probe(layer="sandbox", ok=False, detail=error.what, remedy=error.remedy),)


def _refusal(refused: Sequence[tuple[Backend, Probe]]) -> IsolationError:
    said = "; ".join(": ".join(dict.fromkeys((backend, layer.layer, layer.detail))) for backend, layer in refused)
    first = refused[0][1]
    return IsolationError(
        f"no sandbox isolates here: {said}", where="sandbox", remedy=first.remedy or "see `mendloop doctor`"
    )
