"""Looking for everything at once."""

from __future__ import annotations

from mendloop.screening.credentials import find_credentials
from mendloop.screening.findings import Finding, apart
from mendloop.screening.personal import find_personal
from mendloop.screening.tokens import find_tokens


def find(text: str) -> tuple[Finding, ...]:
    """Return the secrets and the personal data of a text, in order and without overlaps."""
    return apart((*find_tokens(text), *find_credentials(text), *find_personal(text)))
