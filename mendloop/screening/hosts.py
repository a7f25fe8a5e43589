"""Names of hosts that belong to nobody: reserved ones, and those that people write in examples."""

from __future__ import annotations

_RESERVED = frozenset({"test", "example", "invalid", "localhost", "local", "localdomain"})
_STOOD_FOR = frozenset({
    "admin", "bar", "baz", "company", "domain", "eggs", "foo", "host", "hostname", "mail", "mydomain", "organization",
    "qux", "server", "site", "somehost", "somewhere", "spam", "user", "website", "yourdomain",
})  # fmt: skip


def is_reserved(host: str) -> bool:
    """Return whether a host is reserved for examples (RFC 2606, RFC 6761) or local (RFC 6762), or is a placeholder."""
    labels = host.lower().rstrip(".").split(".")
    named = labels[-2] if len(labels) > 1 else labels[-1]
    return labels[-1] in _RESERVED or named == "example" or (len(labels) == 1 and named in _STOOD_FOR)


def is_stood_for(host: str) -> bool:
    """Return whether people write this host where they mean any: `foo.com`, `domain.org`, `b.c`."""
    labels = host.lower().rstrip(".").split(".")
    named = labels[-2] if len(labels) > 1 else labels[-1]
    return named in _STOOD_FOR or len(named) == 1
