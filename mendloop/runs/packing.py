"""How texts lie in the database: deflated with a dictionary of what journals say again and again, and with a check sum.

A packed text is the number of its dictionary (one byte), raw deflate (RFC 1951), and the CRC-32 of all that stands
before. The check sum is over the packed bytes: deflate ends in bits that say nothing, and a flip of one is damage too.
"""

from __future__ import annotations

import struct
import zlib
from functools import cache
from pathlib import Path

_FORM = 1
"""The number of the dictionary; a file of that number, which never changes, has the words."""
_WINDOW, _MEMORY, _LEVEL = -14, 6, 6  # the largest window and memory cost five times as much, and save little
_SUM = struct.Struct("<I")


class UnpackError(ValueError):
    """The bytes are no packed text, or not those that were packed."""


def packed(text: str) -> bytes:
    """Return an ASCII text as it is stored."""
    deflate = _template().copy()
    body = bytes((_FORM,)) + deflate.compress(text.encode("ascii")) + deflate.flush()
    return body + _SUM.pack(zlib.crc32(body))


def unpacked(data: object) -> str:
    """Return the text of stored bytes. Raises UnpackError."""
    if not isinstance(data, bytes) or len(data) <= _SUM.size or data[0] != _FORM:
        raise UnpackError("not packed by this version")
    body = data[: -_SUM.size]
    if _SUM.unpack(data[-_SUM.size :])[0] != zlib.crc32(body):
        raise UnpackError("not the bytes that were packed")
    try:
        return zlib.decompressobj(_WINDOW, _dictionary()).decompress(body[1:]).decode("ascii")
    except (zlib.error, UnicodeDecodeError) as error:
        raise UnpackError(str(error)) from error


@cache
def _dictionary() -> bytes:
    return Path(__file__).with_name(f"dictionary-{_FORM}.txt").read_bytes()


@cache
def _template() -> zlib._Compress:
    return zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW, _MEMORY, zlib.Z_DEFAULT_STRATEGY, _dictionary())
