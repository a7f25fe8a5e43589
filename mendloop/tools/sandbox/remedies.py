"""What to install or set when a layer of isolation does not hold."""

from __future__ import annotations

import errno
import sys
from pathlib import Path

from mendloop.errors import IsolationError

ANOTHER_BACKEND = "use another sandbox backend on this machine, for example e2b"
CALLS = "clone, unshare, mount, umount2, pivot_root, open_tree, move_mount, mount_setattr, sethostname"
_CONTAINER = (
    "this is a container whose profile forbids namespaces: start it with "
    "`--security-opt seccomp=unconfined --security-opt apparmor=unconfined`, or with its engine's default seccomp "
    f"profile plus {CALLS} without conditions; or " + ANOTHER_BACKEND
)
_RULES = "/etc/apparmor.d/mendloop"
_ELSEWHERE = {
    "darwin": "macOS has no namespaces: use e2b, or run mendloop in a Linux virtual machine (Lima, Colima, UTM)",
    "win32": "Windows has no namespaces: use e2b, or run mendloop in WSL 2 or another Linux virtual machine",
}


def isolation_error(layer: str, number: int, detail: str) -> IsolationError:
    """Return the error for one layer that could not be set up; `number` is an errno or 0."""
    return IsolationError(f"cannot be set up: {detail}", where=layer, remedy=remedy(layer, number))


def remedy(layer: str, number: int = 0) -> str:
    """Return what a person can do about a layer, from what this machine says about itself."""
    if not sys.platform.startswith("linux"):
        return _ELSEWHERE.get(sys.platform, ANOTHER_BACKEND)
    if layer in ("user namespace", "mount namespace", "capabilities", "uts namespace"):
        return _namespaces(number)
    return _BY_LAYER.get(layer, ANOTHER_BACKEND)


_BY_LAYER = {
    "platform": "needs Linux 5.14 or newer on x86_64 or aarch64 with /proc mounted and CONFIG_PROC_CHILDREN; or "
    + ANOTHER_BACKEND,
    "unprivileged user": "user and group id 65534 must be mapped in this container; or run as an ordinary user",
    "bwrap": "on Debian: apt-get install bubblewrap; or " + ANOTHER_BACKEND,
    "worker": "the interpreter's standard library is incomplete or unreadable; reinstall Python",
    "seccomp": "needs a kernel with CONFIG_SECCOMP_FILTER; or " + ANOTHER_BACKEND,
}


def _namespaces(number: int) -> str:
    if _setting("kernel/apparmor_restrict_unprivileged_userns") == "1":
        return (
            "AppArmor restricts user namespaces. Either give this interpreter the right, as root: "
            f"`printf '%s' '{apparmor_rule()}' > {_RULES} && apparmor_parser -r {_RULES}`; "
            "or lift the restriction for everybody: `sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`"
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


def apparmor_rule() -> str:
    """Return the AppArmor profile that lets this interpreter, and nothing else, make user namespaces."""
    interpreter = Path(getattr(sys, "_base_executable", None) or sys.executable).resolve()
    return f"abi <abi/4.0>, profile mendloop {interpreter} flags=(unconfined) {{ userns, }}"


def _setting(name: str) -> str:
    try:
        return Path("/proc/sys", name).read_text("ascii").strip()
    except OSError:
        return ""
