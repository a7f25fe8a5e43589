"""A read-only root that holds the interpreter, its libraries, two devices and nothing else."""

# ruff: noqa: PTH102, PTH103, PTH110, PTH112, PTH113, PTH114, PTH115, PTH117, PTH119, PTH120, PTH123, PTH211
# system calls take plain paths, and pathlib would be loaded into every child
from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from . import syscalls
from .agreed import BUILD

_STAGE = "/tmp"  # noqa: S108 - a mount point that every system has, covered in a mount namespace of our own
_DEVICES = ("/dev/null", "/dev/urandom", "/dev/random")
_LOADERS = {"x86_64": "/lib64/ld-linux-x86-64.so.2", "aarch64": "/lib/ld-linux-aarch64.so.1"}
_ZONES = "/usr/share/zoneinfo"
_BROAD = ("/", "/lib", "/usr/lib")  # too much else lies there: their files are taken one by one
_LINKED = ("bz2", "lzma", "zlib")  # loaded for nothing else: each library makes a fork dearer
_EXE = "/proc/self/exe"
_HOST_PACKAGES = ("site-packages", "dist-packages")


PACKAGES = "/packages"


class Plan(NamedTuple):
    """What the new root shows: `trees` maps each place in it to the host's path, `links` each symbolic link."""

    trees: dict[str, str]
    links: dict[str, str]
    masked: list[str]


def plan(packages: Mapping[str, str], paths: Iterable[str], exe: str) -> Plan:
    """Decide what a root shows: the bare interpreter, `packages` by name below PACKAGES, and further host `paths`.

    `exe`, where it is not empty, is what a program finds that looks for its own file.
    """
    links: dict[str, str] = {_EXE: exe} if exe else {}
    places = _without_nested({_resolve(path, links) for path in [*_sources(), *paths]})
    masked = [path for place in places for path in _host_packages(place)]
    trees = {path: path for path in [*places, *_DEVICES]}
    trees |= {f"{PACKAGES}/{name}": path for name, path in packages.items()}
    inside_a_place = tuple(path + "/" for path in places)
    return Plan(trees, {at: to for at, to in links.items() if not at.startswith(inside_a_place)}, masked)


def stage(wanted: Plan) -> Plan:
    """Put together what a root shows, and return where each part lies now: below a folder that every user may read.

    Needs a mount namespace of one's own and the right to mount in it. Sources are opened before the staging folder is
    covered, so the interpreter may lie anywhere, and each is made read-only before it is attached.
    """
    syscalls.mount(None, "/", None, syscalls.MS_REC | syscalls.MS_PRIVATE)
    trees = {place: syscalls.open_tree(path) for place, path in wanted.trees.items()}
    kinds = {place: os.path.isdir(path) for place, path in wanted.trees.items()}
    tmpfs = "size=1m,nr_inodes=2k,mode=755"
    syscalls.mount("tmpfs", _STAGE, "tmpfs", syscalls.MS_NOSUID | syscalls.MS_NODEV, tmpfs)
    _make_skeleton(kinds, wanted.links)
    for place, tree in trees.items():
        _attach(tree, place, device=place in _DEVICES)
    for path in wanted.masked:
        _attach(syscalls.open_tree(_STAGE + "/.empty"), path, device=False)
    return wanted._replace(trees={place: _STAGE + place for place in wanted.trees})


def build(wanted: Plan) -> None:
    """Make the new root and enter it. Needs a mount namespace of one's own and the right to mount in it."""
    stage(wanted)
    os.chdir(_STAGE)
    syscalls.pivot_root_here()
    root = os.open("/", os.O_PATH | os.O_DIRECTORY)
    syscalls.restrict_mount(root, syscalls.MS_RDONLY | syscalls.MS_NOSUID)
    os.close(root)


def _sources() -> Iterable[str]:
    """Yield what a bare interpreter needs: itself, the standard library, the loader, the folders of its libraries."""
    yield sys.executable
    yield os.path.dirname(os.__file__)
    yield from (path for path in sys.path if os.path.exists(path) and os.path.isabs(path))
    loader = _LOADERS[syscalls.MACHINE]
    if os.path.exists(loader):
        yield loader
    if os.path.isdir(_ZONES):
        yield _ZONES
    for library in _libraries():
        folder = os.path.dirname(library)
        yield library if folder in _BROAD else folder


def _libraries() -> set[str]:
    """Return the shared libraries in use. Where they are taken one by one, those of _LINKED are among them."""
    loaded = _loaded_libraries()
    if not any(os.path.dirname(library) in _BROAD for library in loaded):
        return loaded
    for name in _LINKED:
        with contextlib.suppress(ImportError):
            __import__(name)
    return _loaded_libraries()


def _loaded_libraries() -> set[str]:
    with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:
        paths = {line.split(maxsplit=5)[5].rstrip("\n") for line in maps if line.count("/") > 0}
    return {path for path in paths if ".so" in os.path.basename(path) and os.path.isfile(path)}


def _resolve(path: str, links: dict[str, str]) -> str:
    """Return the real path and note every symbolic link on the way to it."""
    pending, done, steps = path.strip("/").split("/"), "", 0
    while pending:
        name = pending.pop(0)
        if name == "..":
            done = os.path.dirname(done).rstrip("/")
        elif name not in ("", "."):
            here = f"{done}/{name}"
            if os.path.islink(here) and steps < 40:
                steps += 1
                links[here] = target = os.readlink(here)
                done = "" if target.startswith("/") else done
                pending = target.split("/") + pending
            else:
                done = here
    return done


def _without_nested(paths: set[str]) -> list[str]:
    kept: list[str] = []
    for path in sorted(paths):
        if not any(path.startswith(above + "/") for above in kept):
            kept.append(path)
    return kept


def _host_packages(place: str) -> list[str]:
    """Return the folders of third-party packages at most two levels below: not part of the bare interpreter."""
    if not os.path.isdir(place):
        return []
    near = [place, *(entry.path for entry in os.scandir(place) if entry.is_dir(follow_symlinks=False))]
    return [f"{folder}/{name}" for folder in near for name in _HOST_PACKAGES if os.path.isdir(f"{folder}/{name}")]


def _make_skeleton(kinds: dict[str, bool], links: dict[str, str]) -> None:
    for folder in ("/.empty", "/tmp", "/dev", BUILD):  # noqa: S108 - inside the new root
        os.mkdir(_STAGE + folder)
    os.symlink("/tmp", _STAGE + "/dev/shm")  # noqa: S108 - the scratch is also the place of shared memory
    for path, is_folder in kinds.items():
        os.makedirs(_STAGE + (path if is_folder else os.path.dirname(path)), exist_ok=True)
        if not is_folder:
            os.close(os.open(_STAGE + path, os.O_CREAT | os.O_WRONLY, 0o644))
    for path, target in links.items():
        os.makedirs(_STAGE + os.path.dirname(path), exist_ok=True)
        os.symlink(target, _STAGE + path)


def _attach(tree: int, path: str, *, device: bool) -> None:
    extra = syscalls.MS_NOEXEC if device else syscalls.MS_RDONLY | syscalls.MS_NODEV
    syscalls.restrict_mount(tree, syscalls.MS_NOSUID | extra)
    syscalls.move_mount(tree, _STAGE + path)
    os.close(tree)
