"""Weights are found by name or path, and are the bytes that the catalogue says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mendloop.errors import InputError
from mendloop.tools.local.catalogue import KNOWN, KnownModel, known_model
from mendloop.tools.local.weights import Weights, find_weights, weights_folder, weights_here, weights_path
from tests.tools.local.hub_server import model_of

BIG, SMALL = b"big weights", b"small"
MODELS = (model_of(BIG, "tiny-coder-big"), model_of(SMALL, "tiny-coder-small"))


def put(model: KnownModel, cache: Path, content: bytes) -> Path:
    weights_folder(cache).mkdir(exist_ok=True)
    path = weights_path(model, cache)
    path.write_bytes(content)
    return path


def rewrite_unseen(path: Path, content: bytes) -> None:
    """Change a file of the same size so that only reading it would show."""
    state = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def test_a_name_finds_checked_weights(tmp_path: Path) -> None:
    path = put(MODELS[0], tmp_path, BIG)
    expected = Weights(path=path, name="tiny-coder-big", sha256=MODELS[0].sha256, bytes=len(BIG))
    assert find_weights("tiny-coder-big", tmp_path, MODELS) == expected


def test_weights_that_are_not_here_are_to_be_pulled(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        find_weights("tiny-coder-big", tmp_path, MODELS)
    assert caught.value.remedy == "mendloop models pull tiny-coder-big"


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("tiny-codr-small", "nearest: `tiny-coder-small`"),
        ("zz", "known: tiny-coder-big, tiny-coder-small; or the path"),
    ],
)
def test_an_unknown_name_is_met_with_known_ones(tmp_path: Path, name: str, remedy: str) -> None:
    with pytest.raises(InputError, match=f"no local model is called `{name}`") as caught:
        find_weights(name, tmp_path, MODELS)
    assert caught.value.remedy.startswith(remedy)


@pytest.mark.parametrize(
    ("content", "told"), [(b"BIG weights", "sha256"), (b"big", "3 bytes instead of 11")], ids=["bytes", "size"]
)
def test_a_file_that_is_something_else_is_refused(tmp_path: Path, content: bytes, told: str) -> None:
    path = put(MODELS[0], tmp_path, content)
    with pytest.raises(InputError, match=f"the file is not `tiny-coder-big`: {told}") as caught:
        find_weights("tiny-coder-big", tmp_path, MODELS)
    assert (caught.value.where, caught.value.remedy) == (
        str(path),
        "remove it, then: mendloop models pull tiny-coder-big",
    )


def test_checked_weights_are_not_read_again(tmp_path: Path) -> None:
    path = put(MODELS[0], tmp_path, BIG)
    find_weights("tiny-coder-big", tmp_path, MODELS)
    rewrite_unseen(path, b"BIG weights")
    assert find_weights("tiny-coder-big", tmp_path, MODELS).path == path


def test_weights_that_changed_are_read_again(tmp_path: Path) -> None:
    path = put(MODELS[0], tmp_path, BIG)
    find_weights("tiny-coder-big", tmp_path, MODELS)
    rewrite_unseen(path, b"BIG weights")
    os.utime(path)
    with pytest.raises(InputError, match="the file is not"):
        find_weights("tiny-coder-big", tmp_path, MODELS)


def test_a_note_that_somebody_else_wrote_vouches_for_nothing(tmp_path: Path) -> None:
    path = put(MODELS[0], tmp_path, b"BIG weights")
    path.with_name(f"{path.name}.sha256").write_bytes(f"{MODELS[0].sha256}  {path.name}\n\xff".encode("latin-1"))
    with pytest.raises(InputError, match="the file is not"):
        find_weights("tiny-coder-big", tmp_path, MODELS)


def test_a_path_finds_weights_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.gguf"
    path.write_bytes(b"my own")
    own = model_of(b"my own")
    assert find_weights(str(path), tmp_path, MODELS) == Weights(path=path, name="mine", sha256=own.sha256, bytes=6)


def test_a_path_to_known_weights_has_their_name(tmp_path: Path) -> None:
    path = tmp_path / "copy.gguf"
    path.write_bytes(SMALL)
    assert find_weights(str(path), tmp_path, MODELS).name == "tiny-coder-small"


@pytest.mark.parametrize("name", ["mine.gguf", "./folder/mine", "~/mine.gguf"])
def test_a_path_that_leads_nowhere_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(InputError, match="there is no such file of weights"):
        find_weights(name, tmp_path, MODELS)


def test_weights_that_are_here_are_listed_by_preference_unread(tmp_path: Path) -> None:
    assert weights_here(tmp_path, MODELS) == ()
    put(MODELS[1], tmp_path, SMALL)
    put(MODELS[0], tmp_path, BIG)
    assert [(each.name, each.sha256) for each in weights_here(tmp_path, MODELS)] == [
        ("tiny-coder-big", None),
        ("tiny-coder-small", None),
    ]
    find_weights("tiny-coder-small", tmp_path, MODELS)
    assert [each.sha256 for each in weights_here(tmp_path, MODELS)] == [None, MODELS[1].sha256]


def test_unfinished_weights_do_not_count_as_here(tmp_path: Path) -> None:
    put(MODELS[0], tmp_path, b"big")
    assert weights_here(tmp_path, MODELS) == ()


def test_the_catalogue_prefers_the_larger_model() -> None:
    assert [model.name for model in KNOWN] == ["qwen2.5-coder-1.5b", "qwen2.5-coder-0.5b"]
    assert known_model("qwen2.5-coder-0.5b") == KNOWN[1]
