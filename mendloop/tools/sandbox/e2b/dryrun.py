"""The dry run on a rented machine: programs try from inside what no program may do; each layer reports what it met."""

from __future__ import annotations

from collections.abc import Sequence

from mendloop.errors import InputError, SandboxError
from mendloop.executions import Execution, Outcome, Probe
from mendloop.tools.sandbox.attempts import attempted, probe_of
from mendloop.tools.sandbox.protocol import Sandbox
from mendloop.tools.values import render

_CPU_S = 1.0
_TOUCH = (("1.1.1.1", 443), ("8.8.8.8", 53), ("169.254.169.254", 80))
"""Addresses that answer everywhere on the internet, and the one where clouds tell a machine its secrets."""

_ATTEMPTS = """
def connect(addresses):
    def reach(address):
        socket.create_connection(tuple(address), 2).close()
        return address
    reached = [address for address in addresses if attempt(lambda: reach(address))]
    return f"reached {reached}" if reached else None

def resolve(name):
    found = attempt(lambda: socket.getaddrinfo(name, 443, type=socket.SOCK_STREAM))
    return f"resolved a name: {found[0][4][0]}" if found else None

def privileges():
    if os.getuid() == 0:
        return "is root"
    with open("/proc/self/status") as status:
        locked = "NoNewPrivs:\\t1" in status.read()
    return None if locked else "may gain rights through other programs"

def other_executions():
    folder = os.path.dirname(os.path.dirname(os.getcwd()))
    found = attempt(lambda: [name for name in os.listdir(folder) if name.endswith((".request", ".reply"))])
    changed = attempt(lambda: open(folder + "/.probe", "w").close() or folder)
    return f"sees {found}" if found else f"can write to {changed}" if changed else None

def leave_daemon():
    told, tell = os.pipe()
    if os.fork() == 0:
        os.setsid()
        daemon = os.fork()
        if daemon:
            os.write(tell, str(daemon).encode())
        else:
            time.sleep(600)
        os._exit(0)
    os.wait()
    return int(os.read(told, 20))

def left_over(pid):
    return f"a process of an earlier execution still runs: {pid}" if os.path.exists(f"/proc/{pid}") else None

def spin():
    while True:
        pass
"""

_REMEDIES = {
    "machine": "check the template and the limits of the plan; https://status.e2b.dev says how the cloud is",
    "network": "e2b did not keep the machine off the internet: use another sandbox backend, and tell e2b",
}
_OTHERWISE = "use a template derived from `base`, whose user is root"


async def probe_cloud(
    sandbox: Sandbox, touch: Sequence[tuple[str, int]] = _TOUCH, name: str = "example.com"
) -> tuple[Probe, ...]:
    """Return one probe for each layer; a machine that cannot be had is the only one in the answer.

    Programs try to reach the addresses `touch`, and to resolve `name`.
    """
    attempts = {
        "network": f"connect({list(touch)!r})",
        "names": f"resolve({name!r})",
        "environment": "environment()",
        "privileges": "privileges()",
        "files of other executions": "other_executions()",
        "limit on memory": "memory()",
        "limit on one file": "disk()",
        "limit on processes": "processes()",
    }
    try:
        done = await _run(sandbox, attempts)
        if done.status == "sandbox_error":
            return (_without("machine", done.message),)
        daemon = await _run(sandbox, {"daemon": "leave_daemon()"})
        pid = render(daemon.outcomes[0].value) if daemon.status == "ok" else "0"
        after = await _run(sandbox, {"processes of other executions": f"left_over({pid})", "limit on time": "spin()"})
    except InputError as error:
        return (Probe(layer=error.where or "machine", ok=False, detail=error.what, remedy=error.remedy),)
    except SandboxError as error:
        return (_without("machine", error.what),)
    made = Probe(layer="machine", ok=True, detail="a machine was made, and the runner answers on it")
    if daemon.status != "ok" or len(after.outcomes) != 2:
        why = daemon.message or after.message or f"the attempt ended as {daemon.status}"
        return (made, *map(_probe, done.outcomes), _without("processes of other executions", why))
    left, time_limit = after.outcomes
    stopped = Probe(layer=time_limit.id, ok=time_limit.status == "timeout", detail=f"ended as {time_limit.status}")
    return (made, *map(_probe, done.outcomes), _probe(left), stopped)


async def _run(sandbox: Sandbox, attempts: dict[str, str]) -> Execution:
    return await attempted(sandbox, _ATTEMPTS, attempts, _CPU_S)


def _probe(outcome: Outcome) -> Probe:
    return probe_of(outcome, _remedy)


def _without(layer: str, detail: str) -> Probe:
    return Probe(layer=layer, ok=False, detail=detail, remedy=_remedy(layer))


def _remedy(layer: str) -> str:
    return _REMEDIES.get(layer, _OTHERWISE)
