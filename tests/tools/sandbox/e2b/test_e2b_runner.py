"""The runner as it is packed: equal code is equal bytes, and nothing but the standard library is needed."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from pathlib import Path

from mendloop.tools.sandbox.e2b.runner import pack
from tests.e2b_machine import python_for_everybody

INSIDE = Path(__file__).parents[4] / "mendloop/tools/sandbox/inside"


def test_packing_again_gives_the_same_bytes() -> None:
    first = pack()
    pack.cache_clear()
    assert pack() == first


def test_every_module_of_the_inside_is_in_it_and_nothing_else() -> None:
    with zipfile.ZipFile(io.BytesIO(pack().data)) as archive:
        entries = {entry.filename: entry for entry in archive.infolist()}
        assert set(entries) == {f"inside/{file.name}" for file in INSIDE.glob("*.py")}
        assert {entry.date_time for entry in entries.values()} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.read("inside/session.py") == (INSIDE / "session.py").read_bytes()


def test_it_starts_with_the_standard_library_alone(tmp_path: Path) -> None:
    Path(tmp_path, "runner.zip").write_bytes(pack().data)
    code = "import sys; sys.path.insert(0, 'runner.zip'); import inside.remote; print(len(sys.modules))"
    command = [str(python_for_everybody() / "python3"), "-I", "-S", "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_python_that_is_too_old_or_missing_has_an_exit_code_of_its_own() -> None:
    command = pack().command(0, "request", "reply")
    without = subprocess.run(["/bin/bash", "-c", f"PATH=; {command}"], capture_output=True, check=False)
    old = command.replace("(3, 11)", f"({sys.version_info.major + 1}, 0)")
    outdated = subprocess.run(["/bin/bash", "-c", old], capture_output=True, check=False)
    assert (without.returncode, outdated.returncode) == (127, 127)
