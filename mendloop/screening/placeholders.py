"""Values that only show where a secret goes, and how much chance there is in a value."""

from __future__ import annotations

import math
import re
from collections import Counter

_PART = re.compile(
    r"example|changeme|change[_-]me|placeholder|your|x{4}|\*{3}|\.{3}|dummy|redacted|removed|anonymous|<|>|[{}]|%\(|%s|\$\w",
    re.IGNORECASE,
)
_WHOLE = frozenset({
    "user", "username", "login", "pass", "passwd", "password", "pwd", "passphrase", "secret", "token", "key",
    "apikey", "test", "testing", "none", "null", "true", "false", "default", "string",
})  # fmt: skip


def is_placeholder(value: str) -> bool:
    """Return whether a value stands for one that a person would fill in, or is made of few characters."""
    return value.lower() in _WHOLE or len(set(value)) <= 3 or _PART.search(value) is not None


def entropy(value: str) -> float:
    """Return Shannon's entropy of a text's characters, in bits per character."""
    counts = Counter(value)
    return -sum(count / len(value) * math.log2(count / len(value)) for count in counts.values())


def classes(value: str) -> int:
    """Return how many of small letters, capitals, digits and other signs a value has; `_`, `-` and `.` are none."""
    return sum(
        any(map(is_one, value))
        for is_one in (str.islower, str.isupper, str.isdigit, lambda sign: not (sign.isalnum() or sign in "_-."))
    )
