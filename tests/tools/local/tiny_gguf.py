"""A language model of 40 kB with random weights, written byte by byte: it talks nonsense, and loads like a real one."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

ALIGNMENT = 32
WIDTH, INNER, CONTEXT = 16, 32, 512
UINT32, FLOAT32, STRING, ARRAY, INT32 = 4, 6, 8, 9, 5
F32_TENSOR = 0
NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6

Value = tuple[int, bytes]


def write_tiny_gguf(path: Path) -> Path:
    """Write a Llama of one layer that knows single bytes, and return its path."""
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    kinds = [UNKNOWN, CONTROL, CONTROL, *[BYTE] * 256]
    metadata: Mapping[str, Value] = {
        "general.architecture": _string("llama"),
        "general.name": _string("tiny"),
        "llama.block_count": _uint(1),
        "llama.context_length": _uint(CONTEXT),
        "llama.embedding_length": _uint(WIDTH),
        "llama.feed_forward_length": _uint(INNER),
        "llama.attention.head_count": _uint(2),
        "llama.attention.head_count_kv": _uint(2),
        "llama.rope.dimension_count": _uint(WIDTH // 2),
        "llama.attention.layer_norm_rms_epsilon": (FLOAT32, struct.pack("<f", 1e-5)),
        "tokenizer.ggml.model": _string("llama"),
        "tokenizer.ggml.tokens": _array(STRING, [_text(token) for token in tokens]),
        "tokenizer.ggml.scores": _array(FLOAT32, [struct.pack("<f", 0.0)] * len(tokens)),
        "tokenizer.ggml.token_type": _array(INT32, [struct.pack("<i", kind) for kind in kinds]),
        "tokenizer.ggml.bos_token_id": _uint(1),
        "tokenizer.ggml.eos_token_id": _uint(2),
        "tokenizer.ggml.unknown_token_id": _uint(0),
    }
    square, wide, high = (WIDTH, WIDTH), (WIDTH, INNER), (INNER, WIDTH)
    tensors: Mapping[str, tuple[int, ...]] = {
        "token_embd.weight": (WIDTH, len(tokens)),
        "output.weight": (WIDTH, len(tokens)),
        "output_norm.weight": (WIDTH,),
        "blk.0.attn_norm.weight": (WIDTH,),
        "blk.0.ffn_norm.weight": (WIDTH,),
        **{f"blk.0.attn_{part}.weight": square for part in ("q", "k", "v", "output")},
        "blk.0.ffn_gate.weight": wide,
        "blk.0.ffn_up.weight": wide,
        "blk.0.ffn_down.weight": high,
    }
    path.write_bytes(_file(metadata, tensors))
    return path


def _file(metadata: Mapping[str, Value], tensors: Mapping[str, tuple[int, ...]]) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata))
    head += b"".join(_text(key) + struct.pack("<I", kind) + value for key, (kind, value) in metadata.items())
    draw, data = random.Random(7), b""
    for name, shape in tensors.items():
        size = _product(shape)
        head += _text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, F32_TENSOR, len(data))
        data += _padded(struct.pack(f"<{size}f", *(draw.gauss(0, 0.5) for _ in range(size))))
    return _padded(head) + data


def _product(shape: Iterable[int]) -> int:
    size = 1
    for side in shape:
        size *= side
    return size


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % ALIGNMENT)


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def _string(text: str) -> Value:
    return STRING, _text(text)


def _uint(number: int) -> Value:
    return UINT32, struct.pack("<I", number)


def _array(kind: int, items: Sequence[bytes]) -> Value:
    return ARRAY, struct.pack("<IQ", kind, len(items)) + b"".join(items)
