"""Dry run of a sandbox."""
from mendloop.tools.sandbox.protocol import Sandbox
from mendloop.records import Probe
async def probe_sandbox(sandbox: Sandbox) -> tuple[Probe, ...]:
    return ()
