"""Where weights lie, and whether they are the bytes that they should be."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from mendloop.errors import InputError
from mendloop.frozen import Frozen
from mendloop.tools.local.catalogue import KNOWN, KnownModel, known_model

SUFFIX = ".gguf"


class Weights(Frozen):
    """A file of weights; `sha256` is None as long as nobody read the file."""

    path: Path
    name: str
    sha256: str | None
    bytes: int


def weights_folder(cache_dir: Path) -> Path:
    """Return the folder of the weights that are known by name."""
    return cache_dir / "models"


def weights_path(model: KnownModel, cache_dir: Path) -> Path:
    """Return where a model's weights lie, or would lie."""
    return weights_folder(cache_dir) / model.file


def find_weights(name_or_path: str, cache_dir: Path, known: Sequence[KnownModel] = KNOWN) -> Weights:
    """Return the weights of a name, or in a file, with their hash.

    A file of your own is read once per call, one that is known by name only when it changed since it was last checked:
    from a coroutine, call this in a thread. Raises InputError when there is no such file, or when it is not what the
    catalogue says.
    """
    if name_or_path.endswith(SUFFIX) or "/" in name_or_path:
        return _own(Path(name_or_path).expanduser(), known)
    model = known_model(name_or_path, known)
    path = weights_path(model, cache_dir)
    if not path.is_file():
        raise InputError(
            f"the weights of `{model.name}` are not here", where=str(path), remedy=f"mendloop models pull {model.name}"
        )
    verify(model, path)
    return Weights(path=path, name=model.name, sha256=model.sha256, bytes=model.bytes)


def weights_here(cache_dir: Path, known: Sequence[KnownModel] = KNOWN) -> tuple[Weights, ...]:
    """Return the known weights that are here, those to prefer first, without reading them.

    A file of another size than the catalogue's is left out: it is unfinished, or something else.
    """
    found = []
    for model in known:
        path = weights_path(model, cache_dir)
        if _size(path) == model.bytes:
            sha256 = model.sha256 if is_stamped(path, model.sha256) else None
            found.append(Weights(path=path, name=model.name, sha256=sha256, bytes=model.bytes))
    return tuple(found)


def verify(model: KnownModel, path: Path) -> None:
    """Raise InputError unless a file holds a model's weights; one that was found right is not read until it changes."""
    try:
        wrong = _mismatch(model, path)
    except OSError as error:
        raise unreadable(path, error) from error
    if wrong:
        raise InputError(
            f"the file is not `{model.name}`: {wrong}",
            where=str(path),
            remedy=f"remove it, then: mendloop models pull {model.name}",
        )


def sha256_of(path: Path) -> str:
    """Return a file's hash without holding the file in memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def stamp(path: Path, sha256: str) -> None:
    """Note beside a file that its hash was found to be this one; `sha256sum --check` reads the note too."""
    _note(path, _stamp_text(path, sha256))


def is_stamped(path: Path, sha256: str) -> bool:
    """Say whether a file was read, had this hash, and is unchanged since."""
    try:
        return _stamp_path(path).read_text("utf-8") == _stamp_text(path, sha256)
    except (OSError, UnicodeDecodeError):
        return False


def unreadable(path: Path, error: OSError) -> InputError:
    """Return the error that tells of a file of weights that the system does not let us read."""
    return InputError(f"the weights cannot be read: {error.strerror}", where=str(path))


def _mismatch(model: KnownModel, path: Path) -> str:
    """Return what is wrong with a file, nothing when it holds the model's weights."""
    size = path.stat().st_size
    if size != model.bytes:
        return f"{size} bytes instead of {model.bytes}"
    if is_stamped(path, model.sha256):
        return ""
    note = _stamp_text(path, model.sha256)  # before the file is read: a change meanwhile must not go unnoticed
    sha256 = sha256_of(path)
    if sha256 != model.sha256:
        return f"sha256 {sha256} instead of {model.sha256}"
    _note(path, note)
    return ""


def _note(path: Path, text: str) -> None:
    with suppress(OSError):  # where nothing can be written, the file is simply read again the next time
        _stamp_path(path).write_text(text, "utf-8")


def _stamp_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _stamp_text(path: Path, sha256: str) -> str:
    state = path.stat()
    return f"{sha256}  {path.name}\n# mendloop read {state.st_size} bytes, changed at {state.st_mtime_ns} ns\n"


def _size(path: Path) -> int | None:
    """Return the bytes of a file, None where there is no file."""
    return path.stat().st_size if path.is_file() else None


def _own(path: Path, known: Sequence[KnownModel]) -> Weights:
    if not path.is_file():
        raise InputError(
            "there is no such file of weights",
            where=str(path),
            remedy=f"name a {SUFFIX} file, or one of: {', '.join(model.name for model in known)}",
        )
    try:
        sha256, size = sha256_of(path), path.stat().st_size
    except OSError as error:
        raise unreadable(path, error) from error
    name = next((model.name for model in known if model.sha256 == sha256), path.stem)
    return Weights(path=path.absolute(), name=name, sha256=sha256, bytes=size)
