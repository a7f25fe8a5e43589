"""Which licence a text is: by its title, else by the sentences that make it that licence."""

from __future__ import annotations

import re
from typing import Final

_HEAD = 400
_TITLES: Final[tuple[tuple[str, str], ...]] = (
    (r"gnu affero general public license version 3", "AGPL-3.0-only"),
    (r"gnu lesser general public license version 3", "LGPL-3.0-only"),
    (r"gnu lesser general public license version 2\.1", "LGPL-2.1-only"),
    (r"gnu library general public license version 2", "LGPL-2.0-only"),
    (r"gnu general public license version 3", "GPL-3.0-only"),
    (r"gnu general public license version 2", "GPL-2.0-only"),
    (r"apache license version 2\.0", "Apache-2.0"),
    (r"mozilla public license,? version 2\.0", "MPL-2.0"),
    (r"eclipse public license - v 2\.0", "EPL-2.0"),
    (r"european union public licence v\. ?1\.2", "EUPL-1.2"),
    (r"boost software license - version 1\.0", "BSL-1.0"),
    (r"cc0 1\.0 universal", "CC0-1.0"),
    (r"attribution-noncommercial-noderivatives 4\.0", "CC-BY-NC-ND-4.0"),
    (r"attribution-noncommercial-sharealike 4\.0", "CC-BY-NC-SA-4.0"),
    (r"attribution-noncommercial 4\.0", "CC-BY-NC-4.0"),
    (r"attribution-noderivatives 4\.0", "CC-BY-ND-4.0"),
    (r"attribution-sharealike 4\.0", "CC-BY-SA-4.0"),
    (r"attribution 4\.0 international", "CC-BY-4.0"),
    (r"python software foundation license version 2", "PSF-2.0"),
    (r"do what the fuck you want to public license", "WTFPL"),
    (r"blue oak model license", "BlueOak-1.0.0"),
)
"""Titles as they stand in the first lines, by the spelling of their authors; the GNU ones mean "only"."""

_MIT = "permission is hereby granted, free of charge, to any person obtaining a copy"
_BSD = "redistribution and use in source and binary forms, with or without modification, are permitted"
_ISC = "permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby"
_ISC_OLD = _ISC.replace("and/or", "and")
_ZLIB = "the origin of this software must not be misrepresented"
_UNLICENSE = "this is free and unencumbered software released into the public domain"


def licence_in(text: str) -> str:
    """Return the SPDX expression of a licence's text, several joined by AND; empty where it is not recognised."""
    words = re.sub(r"[\"*#`=]+", " ", text.lower())
    words = re.sub(r"\s*\n\s*", " ", words)
    words = " ".join(words.split())
    head = words[:_HEAD].replace(",", "")
    for title, licence in _TITLES:
        if re.search(title.replace(",?", ""), head):
            return licence
    return " AND ".join(_by_sentences(words))


def _by_sentences(words: str) -> list[str]:
    found: list[str] = []
    if _MIT in words:
        found.append("MIT" if "above copyright notice and this permission notice" in words else "MIT-0")
    if _BSD in words:
        advertising = "all advertising materials" in words
        named = re.search(r"neither the names? of|may not be used to endorse", words)
        found.append("BSD-4-Clause" if advertising else "BSD-3-Clause" if named else "BSD-2-Clause")
    if _ISC in words or _ISC_OLD in words:
        found.append("ISC" if "provided that the above copyright notice" in words else "0BSD")
    if _ZLIB in words:
        found.append("Zlib")
    if _UNLICENSE in words:
        found.append("Unlicense")
    return found
