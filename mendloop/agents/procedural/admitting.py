"""Which files and functions of a source may be used at all: by licence, and by what stands in them."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from mendloop.agents.procedural.closure import Resolve
from mendloop.agents.procedural.files import Place, SourceFile
from mendloop.agents.procedural.module_index import ModuleIndex
from mendloop.records import Case
from mendloop.screening.screen import Piece, RefusedError, Screen, texts_of

_FUNCTION = re.compile(r"^(?:async )?def ", re.MULTILINE)


@dataclass(frozen=True)
class Admission:
    """The door of one source. `refused` counts functions by reason, those that are refused elsewhere too."""

    place: Place
    screen: Screen
    refused: Counter[str] = field(default_factory=Counter)

    def licence_of(self, *files: SourceFile) -> str:
        """Return the licence of what is made from some files: what they say themselves, else the place's."""
        return " AND ".join(dict.fromkeys(file.licence or self.place.licence for file in files))

    def is_licensed(self, file: SourceFile) -> bool:
        """Return whether a file's licence is allowed; where it is not, its functions are counted."""
        functions = 0 if file.is_test else len(_FUNCTION.findall(file.text))
        try:
            self.screen.licensed(self.licence_of(file), file.file, 1, functions)
        except RefusedError as reason:
            self.refused[str(reason)] += functions
            return False
        return True

    def code(self, code: str, file: SourceFile, line: int) -> str:
        """Return a function's closed program as it may be used; raises RefusedError. `line` is where it stands."""
        place = Piece(f"{self.place.package} {file.file}", "fixed")
        screened, _ = self.screen.passed((Piece(code, "code"), place), file.file, line)
        return screened

    def calls(self, calls: list[str]) -> list[str]:
        """Return the calls that may be used."""
        return [call for call in calls if self.screen.is_clean(call)]

    def cases(self, cases: list[Case]) -> list[Case]:
        """Return the cases that may be used."""
        return [case for case in cases if self.screen.is_clean(*texts_of(case))]


def noting(resolve: Resolve, files: dict[str, SourceFile]) -> Resolve:
    """Return a resolver that notes, by module, the files that it gives."""

    def resolve_and_note(module: str, level: int, importer: str) -> ModuleIndex | None:
        found = resolve(module, level, importer)
        if found is not None:
            files[found.file.module] = found.file
        return found

    return resolve_and_note
