"""The licence of a data set as a hub's metadata wants it."""

from __future__ import annotations

import re
from collections.abc import Iterable

_HUB = """
    apache-2.0 mit afl-3.0 artistic-2.0 bsl-1.0 bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear c-uda cc cc0-1.0
    cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0
    cc-by-nd-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cdla-sharing-1.0
    cdla-permissive-1.0 cdla-permissive-2.0 wtfpl ecl-2.0 epl-1.0 epl-2.0 etalab-2.0 eupl-1.1 agpl-3.0 gfdl gpl
    gpl-2.0 gpl-3.0 lgpl lgpl-2.1 lgpl-3.0 isc lppl-1.3c ms-pl mpl-2.0 odc-by odbl osl-3.0 postgresql ofl-1.1 ncsa
    unlicense zlib pddl lgpl-lr
"""
HUB = frozenset(_HUB.split())
"""The identifiers that the Hugging Face hub knows, without those of models (its documentation, "Licenses")."""

UNSTATED = frozenset({"", "unknown", "generated"})
"""What stands for a licence where a source states none, or where there is no source."""
_NAME = re.compile(r"[a-z0-9.-]+")


def licence_fields(licences: Iterable[str]) -> dict[str, str]:
    """Return the card's fields: `license`, and `license_name` where that is `other`.

    One licence that the hub knows stands under its own name, another one as `other` with its name; several are `other`,
    and one that nobody stated is `unknown`.
    """
    found = {"" if licence.lower() in UNSTATED else licence for licence in licences}
    if len(found) != 1:
        return {"license": "other", "license_name": "several"}
    (only,) = found
    name = only.lower()
    plain = re.sub(r"-(only|or-later)$", "", name)
    if plain in HUB:
        return {"license": plain}
    if not only:
        return {"license": "unknown"}
    return {"license": "other", "license_name": name if _NAME.fullmatch(name) else "see-the-card"}
