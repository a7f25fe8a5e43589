"""Licences: what people write becomes SPDX, texts are recognised, and a list decides."""

from __future__ import annotations

from email.message import Message
from pathlib import Path

import pytest

from mendloop.screening.licence_places import licence_of_file, licence_of_folder, licence_of_metadata
from mendloop.screening.licence_texts import licence_in
from mendloop.screening.licences import OWN, is_allowed, normalised
from tests.e2e.product import ROOT

PERMISSIVE = ("permissive",)
MIT = """Copyright (c) 2020 Somebody

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction.
The above copyright notice and this permission notice shall be included in all copies.
"""
BSD = """Redistribution and use in source and binary forms, with or without
modification, are permitted provided that the following conditions are met:
"""
GPL = "                    GNU GENERAL PUBLIC LICENSE\n                       Version 3, 29 June 2007\n"


@pytest.mark.parametrize(
    ("stated", "expression"),
    [
        ("mit", "MIT"),
        ("MIT License", "MIT"),
        ("The MIT License (MIT)", "MIT"),
        ("Apache 2.0", "Apache-2.0"),
        ("Apache License, Version 2.0", "Apache-2.0"),
        ("Apache Software License", "Apache-2.0"),
        ("3-Clause BSD License", "BSD-3-Clause"),
        ("BSD", "LicenseRef-BSD"),
        ("GPLv3", "GPL-3.0-only"),
        ("GPL-3.0", "GPL-3.0-only"),
        ("GPL-2.0+", "GPL-2.0-or-later"),
        ("GNU General Public License v3 or later (GPLv3+)", "GPL-3.0-or-later"),
        ("Mozilla Public License 2.0 (MPL 2.0)", "MPL-2.0"),
        ("Python Software Foundation License", "PSF-2.0"),
        ("MIT/Apache-2.0", "MIT OR Apache-2.0"),
        ("mit or (gpl-2.0-only and bsd-3-clause)", "MIT OR (GPL-2.0-only AND BSD-3-Clause)"),
        ("Public Domain", "LicenseRef-Public-Domain"),
        ("unknown", ""),
        ("", ""),
        ("All rights reserved", "All rights reserved"),
    ],
)
def test_a_stated_licence_becomes_an_expression(stated: str, expression: str) -> None:
    assert normalised(stated) == expression


@pytest.mark.parametrize(
    ("licence", "allowed", "may"),
    [
        ("MIT", PERMISSIVE, True),
        ("GPL-3.0-only", PERMISSIVE, False),
        ("GPL-3.0-only", ("permissive", "GPL-3.0"), True),
        ("MIT", ("Apache-2.0",), False),
        ("MIT OR GPL-2.0-only", PERMISSIVE, True),
        ("MIT AND GPL-2.0-only", PERMISSIVE, False),
        ("GPL-2.0-only OR (MIT AND BSD-3-Clause)", PERMISSIVE, True),
        ("GPL-2.0-only OR (MIT AND MPL-2.0)", PERMISSIVE, False),
        ("(MIT OR GPL-2.0-only) AND MPL-2.0", PERMISSIVE, False),
        ("Apache-2.0 WITH LLVM-exception", PERMISSIVE, True),
        ("All rights reserved", PERMISSIVE, False),
        ("All rights reserved", ("all rights reserved",), True),
        ("none found", PERMISSIVE, False),
        ("none found", ("any",), True),
    ],
)
def test_a_list_decides(licence: str, allowed: tuple[str, ...], may: bool) -> None:
    assert is_allowed(licence, allowed) is may


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        (MIT, "MIT"),
        (f"{BSD}\nNeither the name of the author", "BSD-3-Clause"),
        (BSD, "BSD-2-Clause"),
        (f"{MIT}\n\nParts of it:\n{BSD}", "MIT AND BSD-2-Clause"),
        (GPL, "GPL-3.0-only"),
        ("Creative Commons Attribution-ShareAlike 4.0 International", "CC-BY-SA-4.0"),
        ("All rights reserved.", ""),
    ],
)
def test_a_text_is_recognised(text: str, expression: str) -> None:
    assert licence_in(text) == expression


def test_our_own_licence_is_recognised() -> None:
    assert licence_in((ROOT / "LICENSE").read_text("utf-8")) == "Apache-2.0"
    assert licence_of_folder(ROOT / "mendloop" / "runs") == "Apache-2.0"


@pytest.mark.parametrize(
    ("head", "expression"),
    [
        ("# SPDX-License-Identifier: GPL-3.0-or-later\n", "GPL-3.0-or-later"),
        ("/* SPDX-License-Identifier: MIT OR Apache-2.0 */\n", "MIT OR Apache-2.0"),
        ('"""A module."""\n', ""),
    ],
)
def test_a_file_says_its_licence(head: str, expression: str) -> None:
    assert licence_of_file(f"{head}\nx = 1\n") == expression


def test_a_folder_has_the_licence_of_its_project_and_no_other(tmp_path: Path) -> None:
    inner = tmp_path / "project" / "src" / "pkg"
    inner.mkdir(parents=True)
    (tmp_path / "LICENSE").write_text(GPL)
    assert licence_of_folder(inner) == OWN
    (tmp_path / "project" / "pyproject.toml").write_text("[project]\nname = 'p'\n")
    assert licence_of_folder(inner) == OWN
    (tmp_path / "project" / "COPYING").write_text(GPL)
    assert licence_of_folder(inner) == "GPL-3.0-only"
    (tmp_path / "project" / "pyproject.toml").write_text("[project]\nname = 'p'\nlicense = 'MIT'\n")
    assert licence_of_folder(inner) == "MIT"
    (inner / "LICENSE.txt").write_text("Ask the owner.")
    assert licence_of_folder(inner) == "not recognised"


def test_files_named_for_licences_are_a_choice(tmp_path: Path) -> None:
    (tmp_path / "LICENSE-MIT").write_text(MIT)
    (tmp_path / "LICENSE-GPL").write_text(GPL)
    assert licence_of_folder(tmp_path) == "GPL-3.0-only OR MIT"


def metadata(*fields: tuple[str, str]) -> Message:
    data = Message()
    for name, value in fields:
        data[name] = value
    return data


@pytest.mark.parametrize(
    ("fields", "texts", "expression"),
    [
        ((("License-Expression", "MIT"), ("License", "GPL")), (), "MIT"),
        ((("License", "Apache 2.0"), ("Classifier", "License :: OSI Approved :: MIT License")), (), "Apache-2.0"),
        ((("License", MIT * 3),), (), "MIT"),
        ((("Classifier", "License :: OSI Approved :: BSD License"),), (), "LicenseRef-BSD"),
        ((("Classifier", "License :: OSI Approved :: BSD License"),), (BSD,), "BSD-2-Clause"),
        ((("License", "See LICENSE"),), (GPL,), "GPL-3.0-only"),
        ((("License", "See LICENSE"),), (), "See LICENSE"),
        ((("Name", "x"),), (), ""),
    ],
)
def test_a_distribution_states_its_licence(
    fields: tuple[tuple[str, str], ...], texts: tuple[str, ...], expression: str
) -> None:
    assert licence_of_metadata(metadata(*fields), texts) == expression
