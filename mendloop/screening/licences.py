"""Licences as SPDX expressions, and whether a scenario allows one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

OWN: Final = "user's own"
"""What stands for the licence of a user's folder or file in which none was found."""
NONE: Final = "none found"
"""What stands for the licence of an installed package that states none."""
PUBLIC_DOMAIN: Final = "LicenseRef-Public-Domain"

PERMISSIVE: Final = frozenset({
    "0BSD", "AFL-3.0", "Apache-2.0", "BlueOak-1.0.0", "BSD-1-Clause", "BSD-2-Clause", "BSD-2-Clause-Patent",
    "BSD-3-Clause", "BSD-3-Clause-Clear", "BSL-1.0", "CC-BY-3.0", "CC-BY-4.0", "CC0-1.0", "CNRI-Python", "curl",
    "HPND", "ICU", "ISC", "MIT", "MIT-0", "MIT-CMU", "NCSA", "PostgreSQL", "PSF-2.0", "Python-2.0", "Python-2.0.1",
    "Unicode-3.0", "Unlicense", "UPL-1.0", "WTFPL", "X11", "Zlib", "ZPL-2.1", "LicenseRef-BSD", PUBLIC_DOMAIN,
})  # fmt: skip
"""What `permissive` in a scenario stands for: use, change and redistribution with no more than attribution asked."""

_NOISE = re.compile(r"\b(?:the|licen[cs]ed?|version|under|style)\b|[,()\"/_:-]|\bv(?=\d)|\.(?!\d)", re.IGNORECASE)


def _plain(name: str) -> str:
    """Return a name in small letters, without `the`, `license`, `version` and punctuation."""
    return " ".join(_NOISE.sub(" ", name.lower()).split())


_STATED: Final[dict[str, str]] = {
    "apache": "Apache-2.0", "apache 2": "Apache-2.0", "apache 2.0": "Apache-2.0", "apache software": "Apache-2.0",
    "apache software 2.0": "Apache-2.0", "asl 2": "Apache-2.0", "asl 2.0": "Apache-2.0", "expat": "MIT", "mit": "MIT",
    "mit x11": "MIT", "mit mit": "MIT", "mit no attribution": "MIT-0", "mit-0": "MIT-0", "bsd": "LicenseRef-BSD",
    "bsd 2 clause": "BSD-2-Clause", "2 clause bsd": "BSD-2-Clause", "simplified bsd": "BSD-2-Clause",
    "bsd 3 clause": "BSD-3-Clause", "3 clause bsd": "BSD-3-Clause", "new bsd": "BSD-3-Clause",
    "modified bsd": "BSD-3-Clause", "revised bsd": "BSD-3-Clause", "isc": "ISC", "isc iscl": "ISC", "iscl": "ISC",
    "psf": "PSF-2.0", "psfl": "PSF-2.0", "psf 2.0": "PSF-2.0", "python software foundation": "PSF-2.0",
    "python": "PSF-2.0", "zlib libpng": "Zlib", "boost software 1.0 bsl 1.0": "BSL-1.0", "boost": "BSL-1.0",
    "unlicense": "Unlicense", "the unlicense unlicense": "Unlicense", "public domain": PUBLIC_DOMAIN,
    "cc0": "CC0-1.0", "cc0 1.0 universal cc0 1.0 public domain dedication": "CC0-1.0", "cc by": "CC-BY-4.0",
    "cc by 4.0": "CC-BY-4.0", "cc by sa 4.0": "CC-BY-SA-4.0",
    "historical permission notice and disclaimer hpnd": "HPND",
    "mozilla public 2.0 mpl 2.0": "MPL-2.0", "mpl 2": "MPL-2.0", "mpl 2.0": "MPL-2.0", "mpl2": "MPL-2.0",
    "mozilla public 2.0": "MPL-2.0", "eclipse public 2.0 epl 2.0": "EPL-2.0", "gpl": "GPL-1.0-or-later",
    "gnu general public gpl": "GPL-1.0-or-later", "gpl 2": "GPL-2.0-only", "gpl2": "GPL-2.0-only",
    "gplv2": "GPL-2.0-only", "gpl v2": "GPL-2.0-only", "gpl 2.0": "GPL-2.0-only", "gplv2+": "GPL-2.0-or-later",
    "gpl 2+": "GPL-2.0-or-later", "gpl 3": "GPL-3.0-only", "gpl3": "GPL-3.0-only", "gplv3": "GPL-3.0-only",
    "gpl v3": "GPL-3.0-only", "gpl 3.0": "GPL-3.0-only", "gplv3+": "GPL-3.0-or-later", "gpl 3+": "GPL-3.0-or-later",
    "gnu gpl v3": "GPL-3.0-only", "gnu general public v2 gplv2": "GPL-2.0-only",
    "gnu general public v3 gplv3": "GPL-3.0-only", "gnu general public v2 or later gplv2+": "GPL-2.0-or-later",
    "gnu general public v3 or later gplv3+": "GPL-3.0-or-later", "lgpl": "LGPL-2.0-or-later",
    "lgplv2.1": "LGPL-2.1-only", "lgpl 2.1": "LGPL-2.1-only", "lgplv2.1+": "LGPL-2.1-or-later",
    "lgplv3": "LGPL-3.0-only", "lgpl 3.0": "LGPL-3.0-only", "lgplv3+": "LGPL-3.0-or-later",
    "gnu lesser general public v2 lgplv2": "LGPL-2.0-only",
    "gnu lesser general public v2 or later lgplv2+": "LGPL-2.0-or-later",
    "gnu lesser general public v3 lgplv3": "LGPL-3.0-only",
    "gnu lesser general public v3 or later lgplv3+": "LGPL-3.0-or-later",
    "gnu library or lesser general public lgpl": "LGPL-2.0-or-later", "agpl": "AGPL-3.0-only",
    "agplv3": "AGPL-3.0-only", "agpl 3.0": "AGPL-3.0-only", "gnu affero general public v3": "AGPL-3.0-only",
    "gnu affero general public v3 or later agplv3+": "AGPL-3.0-or-later",
}  # fmt: skip
"""Names that packages and classifiers give."""

_NAMES: Final = {_plain(name): expression for name, expression in _STATED.items()}

_RENAMED: Final[dict[str, str]] = {
    f"{family}-{version}{old}": f"{family}-{version}{new}"
    for family, versions in {"GPL": ("1.0", "2.0", "3.0"), "LGPL": ("2.0", "2.1", "3.0"), "AGPL": ("3.0",)}.items()
    for version in versions
    for old, new in (("", "-only"), ("+", "-or-later"))
}
"""Identifiers that SPDX gave up for ones that say whether later versions are meant."""
_TOKEN = re.compile(r"[()]|[^\s()]+")
MAX_NAME = 60


@lru_cache(maxsize=1024)
def normalised(stated: str) -> str:
    """Return the SPDX expression of a licence as somebody stated it; what cannot be read stays, cut to 60 characters.

    Empty where nothing was stated.
    """
    text = " ".join(stated.split())
    if not text or text.lower() in ("unknown", "none", "n/a", "other"):
        return ""
    try:
        return _up_to_date(str(canonicalize_license_expression(text)))
    except InvalidLicenseExpression:
        named = _NAMES.get(_plain(text))
        return named or _listed(text) or text[:MAX_NAME]


def is_known(licence: str) -> bool:
    """Return whether a licence is an SPDX expression."""
    try:
        canonicalize_license_expression(licence)
    except InvalidLicenseExpression:
        return False
    return True


def is_allowed(licence: str, allowed: Sequence[str]) -> bool:
    """Return whether a list allows a licence: of `A OR B` one, of `A AND B` both. `any` allows all.

    `permissive` stands for the usual permissive licences. An exception (`WITH`) only ever allows more.
    """
    if "any" in allowed:
        return True
    names = {_up_to_date(name).lower() for name in allowed}
    if "permissive" in names:
        names |= {name.lower() for name in PERMISSIVE}
    if not is_known(licence):
        return licence.lower() in names
    tokens = _TOKEN.findall(licence)
    holds = _either(tokens, names)
    return holds and not tokens


def _either(tokens: list[str], names: set[str]) -> bool:
    holds = _both(tokens, names)
    while tokens[:1] == ["OR"]:
        del tokens[0]
        holds = _both(tokens, names) or holds
    return holds


def _both(tokens: list[str], names: set[str]) -> bool:
    holds = _one(tokens, names)
    while tokens[:1] == ["AND"]:
        del tokens[0]
        holds = _one(tokens, names) and holds
    return holds


def _one(tokens: list[str], names: set[str]) -> bool:
    first = tokens.pop(0)
    if first == "(":
        holds = _either(tokens, names)
        del tokens[:1]
        return holds
    if tokens[:1] == ["WITH"]:
        del tokens[:2]
    return first.lower() in names


def _up_to_date(expression: str) -> str:
    return (
        " ".join(_RENAMED.get(token, token) for token in _TOKEN.findall(expression))
        .replace("( ", "(")
        .replace(" )", ")")
    )


def _listed(text: str) -> str:
    """Return the licences of a list such as `MIT/Apache-2.0`, any of which may be chosen; empty for other texts."""
    parts = [part.strip() for part in re.split(r"[/|]|\bor\b", text, flags=re.IGNORECASE)]
    if len(parts) < 2 or not all(parts):
        return ""
    found = [normalised(part) for part in parts]
    return " OR ".join(found) if all(map(is_known, found)) else ""
