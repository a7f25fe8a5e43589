"""What a model's licence or terms say about training other models on its outputs, from the table that comes along."""

from __future__ import annotations

from functools import lru_cache
from pathlib import PurePath
from typing import Literal

from mendloop.fields import Spec
from mendloop.tools.chat.tables import fits, shipped_table

SHIPPED = "model_licences.yaml"
Training = Literal["yes", "conditions", "no", "ask"]
_SAID: dict[Training, str] = {
    "yes": "may train other models",
    "conditions": "may train other models on conditions",
    "no": "may not train other models",
    "ask": "may train other models or not: ask",
}


class ModelLicence(Spec):
    """The licence of some models: patterns of their names, whether outputs may train other models, and a sentence."""

    models: tuple[str, ...]
    licence: str
    training: Training
    note: str
    source: str


class ModelLicences(Spec):
    """The table; the first entry that fits counts."""

    licences: tuple[ModelLicence, ...]


@lru_cache(maxsize=1)
def _table() -> ModelLicences:
    return shipped_table(SHIPPED, ModelLicences)


def licence_of(model: str) -> ModelLicence | None:
    """Return what is known about a model's licence, by its name or the name of its file; None where nothing is.

    A name may say where the model answers: `gpt-4o at west`.
    """
    bare = model.partition(" at ")[0]
    name = PurePath(bare).stem if bare.lower().endswith(".gguf") else bare
    return next((entry for entry in _table().licences if fits(name, entry.models)), None)


def said_of_licence(model: str) -> str:
    """Return one line about a model's licence and its outputs; also where nothing is known."""
    found = licence_of(model)
    if found is None:
        return f"`{model}`: licence not known here; read its licence or terms before you train a model on its outputs"
    return f"`{model}`: {found.licence}; outputs {_SAID[found.training]}. {found.note} ({found.source})"
