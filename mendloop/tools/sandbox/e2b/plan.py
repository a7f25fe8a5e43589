"""Whose cloud it is, and how much of it may be used."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import SecretStr


@dataclass(frozen=True)
class Account:
    """The key, and where the cloud is; addresses that are None follow from the domain."""

    api_key: SecretStr
    domain: str = "e2b.app"
    api_url: str | None = None
    sandbox_url: str | None = None


@dataclass(frozen=True)
class Plan:
    """What the account allows, and how long is waited. The defaults are those of the smallest plan.

    `machines` run at once and `creates_per_s` are begun in a second. A machine lives `lifetime_s` at most, whatever
    becomes of this process. An execution is tried on `attempts` machines, and a machine asked for `attempts` times.
    `request_s` bounds one exchange with the cloud; within it the SDK repeats what the cloud says may be repeated
    (`repeats` times, after the time that a Retry-After names).
    """

    machines: int = 20
    creates_per_s: float = 1.0
    lifetime_s: int = 1800
    attempts: int = 3
    request_s: float = 60.0
    repeats: int = 3
    template: str = "base"

    def __post_init__(self) -> None:
        if self.machines < 1 or self.creates_per_s <= 0 or self.attempts < 1:
            raise ValueError("a plan needs at least one machine, one attempt and a rate above zero")
