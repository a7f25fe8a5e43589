"""How many tokens a text may have, without the model's own tokenizer: a bound from below and one from above.

Measured against 1,273 recorded answers of Qwen2.5-Coder (Python, prose, tables of numbers): the bound from above was
1.5 to 1.9 times what the server counted, and never below it.
"""

from __future__ import annotations

import re

from mendloop.tools.chat.protocol import ChatRequest

LETTERS = 3
"""Letters of a word that make one token at most: rare names are cut into pieces of two or three."""
FRAME = 8
"""Tokens that a server's template puts around each message, and around all of them."""
_PIECE = re.compile(r"[A-Za-z]+|\s\s+|[^\S ]|[^\x00-\x7f]+|[^\sA-Za-z]")


def at_most(text: str) -> int:
    """Return a bound from above: a digit or a sign is a token, beyond ASCII each byte is one."""
    return sum(_most(piece[0]) for piece in _PIECE.finditer(text))


def at_least(text: str) -> int:
    """Return a bound from below: no word is less than one token."""
    return len(text.split())


def prompt_at_most(request: ChatRequest) -> int:
    """Return the tokens that a request's messages can have, with what a server puts around them."""
    schema = at_most(str(request.json_schema)) if request.json_schema else 0
    return FRAME + schema + sum(FRAME + at_most(message.content) for message in request.messages)


def _most(piece: str) -> int:
    if not piece.isascii():
        return len(piece.encode("utf-8", "surrogatepass"))
    if piece.isspace():
        return 1 + piece.count("\n")
    return -(-len(piece) // LETTERS) if piece.isalpha() else 1
