"""The weights that mendloop knows by name."""

from __future__ import annotations

from collections.abc import Iterable

from mendloop.complaints import nearest
from mendloop.errors import InputError
from mendloop.frozen import Frozen


class KnownModel(Frozen):
    """Published weights, pinned to their bytes."""

    name: str
    file: str
    sha256: str
    bytes: int
    repository: str
    """On the Hugging Face hub."""
    licence: str
    memory_gb: float
    """What the process that serves it takes, with a few requests at once."""
    good_for: str


KNOWN = (
    KnownModel(
        name="qwen2.5-coder-1.5b",
        file="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
        sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        bytes=1_117_320_768,
        repository="Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF",
        licence="Apache-2.0",
        memory_gb=2.1,
        good_for="the smallest model that writes and repairs useful programs on a processor",
    ),
    KnownModel(
        name="qwen2.5-coder-0.5b",
        file="qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
        sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        bytes=491_400_064,
        repository="Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF",
        licence="Apache-2.0",
        memory_gb=1.0,
        good_for="smoke tests of a set-up: it answers, but hardly ever repairs a program",
    ),
)
"""In the order in which they are preferred."""


def known_model(name: str, known: Iterable[KnownModel] = KNOWN) -> KnownModel:
    """Return the model of a name. Raises InputError, with the name that was probably meant."""
    models = {model.name: model for model in known}
    if name in models:
        return models[name]
    hint = nearest(name, models)
    raise InputError(
        f"no local model is called `{name}`",
        remedy=f"nearest: `{hint}`" if hint else f"known: {', '.join(models)}; or the path of a .gguf file",
    )
