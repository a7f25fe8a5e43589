"""What to install or set when a layer of isolation does not hold."""

from __future__ import annotations

import errno
import sys
from pathlib import Path

from mendloop.errors import IsolationError

ANOTHER_BACKEND = "use another sandbox backend on this machine, for example e2b"
_CONTAINER = (
    "this is a container whose profile forbids namespaces: start it with "
    "`--security-opt seccomp=unconfined --security-opt apparmor=unconfined`, or " + ANOTHER_BACKEND
)


def isolation_error(layer: str, number: int, detail: str) -> IsolationError:
    """Return the error for one layer that could not be set up; `number` is an errno or 0."""
    return IsolationError(f"cannot be set up: {detail}", where=layer, remedy=remedy(layer, number))


def remedy(layer: str, number: int = 0) -> str:
    """Return what a person can do about a layer, from what this machine says about itself."""
    if not sys.platform.startswith("linux"):
        return ANOTHER_BACKEND
    if layer in ("user namespace", "mount namespace", "capabilities", "uts namespace"):
        return _namespaces(number)
    return _BY_LAYER.get(layer, ANOTHER_BACKEND)


_BY_LAYER = {
    "platform": "needs Linux 5.14 or newer on x86_64 or aarch64 with /proc mounted and CONFIG_PROC_CHILDREN; or "
    + ANOTHER_BACKEND,
    "unprivileged user": "user and group id 65534 must be mapped in this container; or run as an ordinary user",
    "worker": "the interpreter's standard library is incomplete or unreadable; reinstall Python",
    "seccomp": "needs a kernel with CONFIG_SECCOMP_FILTER; or " + ANOTHER_BACKEND,
}


def _namespaces(number: int) -> str:
    if _setting("kernel/apparmor_restrict_unprivileged_userns") == "1":
        return (
            "AppArmor restricts user namespaces: `sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`, or give "
            "this interpreter an AppArmor profile with `userns,`"
        )
    if _setting("kernel/unprivileged_userns_clone") == "0":
        return "user namespaces are off: `sysctl -w kernel.unprivileged_userns_clone=1`"
    if _setting("user/max_user_namespaces") == "0" or number in (errno.ENOSPC, errno.EUSERS):
        return "no user namespace is allowed: `sysctl -w user.max_user_namespaces=15000`"
    if Path("/.dockerenv").exists() or Path("/run/.containerenv").exists():
        return _CONTAINER
    if number == errno.ENOSYS:
        return _BY_LAYER["platform"]
    return (
        "something forbids namespaces or mounts here (a seccomp or LSM profile); in a container use "
        "`--security-opt seccomp=unconfined --security-opt apparmor=unconfined`; or " + ANOTHER_BACKEND
    )


def _setting(name: str) -> str:
    try:
        return Path("/proc/sys", name).read_text("ascii").strip()
    except OSError:
        return ""
