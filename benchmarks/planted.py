"""Secrets and personal data made by chance, in texts of our own: what screening must find, and where.

They are made from a seed while a program runs, so that no file holds anything that looks like a key.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mendloop.screening.checksums import luhn
from mendloop.screening.findings import Kind

HEX = "0123456789abcdef"
WORD = string.ascii_letters + string.digits
BASE64 = WORD + "+/"

Draw = Callable[[random.Random], str]


@dataclass(frozen=True)
class Planted:
    """A value of some kind, and a text of one line that holds it; `form` names how the value was made."""

    kind: Kind
    form: str
    value: str
    text: str


def some(alphabet: str, length: int) -> Draw:
    """Return a way to draw so many characters, with at least three digits where the alphabet is one of keys."""

    def draw(rng: random.Random) -> str:
        drawn = rng.choices(alphabet, k=length)
        if "0" in alphabet:
            for place in rng.sample(range(length), 3):
                drawn[place] = rng.choice(string.digits)
        return "".join(drawn)

    return draw


def after(prefix: str, alphabet: str, length: int) -> Draw:
    """Return a way to draw a token that begins with a service's mark."""
    rest = some(alphabet, length)
    return lambda rng: prefix + rest(rng)


def email(rng: random.Random) -> str:
    """Return a mailbox at a host that is nobody's example."""
    first, last = rng.choice(("ada", "grace", "linus", "mary.ann")), rng.choice(("okafor", "lindqvist", "moreau-petit"))
    host = f"{rng.choice(('mail.', ''))}{some('bcdfglmn', 9)(rng)}.{rng.choice(('io', 'de', 'org'))}"
    return f"{first}{rng.choice('._-')}{last}{rng.randrange(90)}@{host}"


def phone(rng: random.Random) -> str:
    """Return a number with a country code in one of the ways that people write it."""
    country, rest = rng.choice(("49", "44", "33", "1", "81", "91")), str(rng.randrange(300_000_000, 999_999_999))
    groups = (rest[:3], rest[3:6], rest[6:])
    return rng.choice(
        (f"+{country}{rest}", f"+{country} {' '.join(groups)}", f"+{country} ({groups[0]}) {groups[1]}-{groups[2]}")
    )


def card(rng: random.Random) -> str:
    """Return a number that ends with its check digit."""
    body = rng.choice(("4539", "5412", "6011")) + str(rng.randrange(10**10, 10**11))
    digits = next(body + str(digit) for digit in range(10) if luhn(body + str(digit)))
    return digits if rng.random() < 0.5 else " ".join(digits[place : place + 4] for place in range(0, 16, 4))


def iban(rng: random.Random) -> str:
    """Return a German number with its check digits."""
    account = str(rng.randrange(10**17, 10**18))
    check = 98 - int(account + "131400") % 97
    plain = f"DE{check:02}{account}"
    return plain if rng.random() < 0.5 else " ".join(plain[place : place + 4] for place in range(0, 22, 4))


def ipv4(rng: random.Random) -> str:
    """Return an address that the internet routes."""
    return (
        f"{rng.choice((23, 51, 62, 81, 93, 142))}.{rng.randrange(10, 250)}.{rng.randrange(256)}.{rng.randrange(1, 255)}"
    )


def ipv6(rng: random.Random) -> str:
    """Return an address that the internet routes."""
    return (
        f"2a0{rng.randrange(1, 10)}:{rng.randrange(16, 4096):x}:{rng.randrange(16, 4096):x}::{rng.randrange(1, 4096):x}"
    )


def private_key(rng: random.Random) -> str:
    """Return the shape of a key in one line, as programs write it into a string."""
    name = rng.choice(("RSA PRIVATE KEY", "PRIVATE KEY", "OPENSSH PRIVATE KEY", "EC PRIVATE KEY"))
    lines = "\\n".join(some(BASE64, 64)(rng) for _ in range(4))
    return f"-----BEGIN {name}-----\\n{lines}\\n-----END {name}-----"


def password(rng: random.Random) -> str:
    """Return a password as people and programs choose them."""
    return rng.choice((
        lambda: rng.choice(("Winter", "kestrel", "Bluebird")) + str(rng.randrange(10, 9999)) + rng.choice("!?&#"),
        lambda: some(WORD, 14)(rng),
        lambda: some(WORD + "!?&#*", 12)(rng),
    ))()  # fmt: skip


TOKENS: dict[str, Draw] = {
    "Amazon": after("AKIA", string.ascii_uppercase + string.digits, 16),
    "Google": after("AIza", WORD + "_-", 35),
    "GitHub": after("ghp_", WORD, 36),
    "GitHub, fine-grained": after("github_pat_", WORD, 60),
    "GitLab": after("glpat-", WORD, 20),
    "Slack": after("xoxb-", WORD, 30),
    "Stripe": after("sk_live_", WORD, 24),
    "OpenAI": after("sk-proj-", WORD + "_-", 48),
    "Anthropic": after("sk-ant-api03-", WORD, 60),
    "DeepSeek": after("sk-", HEX, 32),
    "Hugging Face": after("hf_", WORD, 34),
    "PyPI": after("pypi-AgEI", WORD + "_-", 80),
    "npm": after("npm_", WORD, 36),
    "SendGrid": lambda rng: f"SG.{some(WORD, 22)(rng)}.{some(WORD, 43)(rng)}",
    "Telegram": lambda rng: f"{rng.randrange(10**8, 10**9)}:AA{some(WORD, 33)(rng)}",
    "E2B": after("e2b_", HEX, 40),
    "JSON Web Token": lambda rng: f"eyJ{some(WORD, 30)(rng)}.eyJ{some(WORD, 60)(rng)}.{some(WORD, 43)(rng)}",
}
KEYS: dict[str, Draw] = {"hexadecimal": some(HEX, 32), "base62": some(WORD, 24), "base64": some(BASE64, 40)}
PERSONAL: dict[Kind, Draw] = {
    "e-mail address": email,
    "phone number": phone,
    "card number": card,
    "IBAN": iban,
    "IPv4 address": ipv4,
    "IPv6 address": ipv6,
}
AROUND_PERSONAL = ("Ask {} about it.", "# written by {}, last spring", "contact: {}", "If it fails ({}), stop")
AROUND_KEYS = ('api_key = "{}"', "SECRET_TOKEN='{}'", '{{"client_secret": "{}"}}', 'headers["X-Access-Key"] = "{}"',
               "Authorization: Bearer {}", 'connect(auth_token="{}", retries=2)', "ACCESS_KEY={}")  # fmt: skip
AROUND_PASSWORDS = ('password = "{}"', "DB_PASSWORD='{}'", '{{"passwd": "{}"}}', 'login(user, password="{}")',
                    "postgres://app:{}@db.internal.corp:5432/shop")  # fmt: skip


def planted(seed: int, each: int) -> Iterator[Planted]:
    """Yield `each` values of every form, in texts that say what they are as little as real ones do."""
    rng = random.Random(seed)

    def in_one_of(kind: Kind, form: str, draw: Draw, around: tuple[str, ...]) -> Iterator[Planted]:
        for _ in range(each):
            value = draw(rng)
            yield Planted(kind, form, value, rng.choice(around).format(value))

    for kind, draw in PERSONAL.items():
        yield from in_one_of(kind, kind, draw, AROUND_PERSONAL)
    for form, draw in TOKENS.items():
        yield from in_one_of("token", form, draw, ("{}", 'client = Client("{}")', "# {}", "use {} for it"))
    for form, draw in KEYS.items():
        yield from in_one_of("token", f"assigned, {form}", draw, AROUND_KEYS)
    yield from in_one_of("password", "password", password, AROUND_PASSWORDS)
    yield from in_one_of("private key", "private key", private_key, ('KEY = "{}"', "# {}"))
