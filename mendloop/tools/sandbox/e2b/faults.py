"""What goes wrong with a rented machine: the SDK's many exceptions come down to these two, and to wrong settings.

A wrong key or template is an InputError: no other machine would help.
"""

from __future__ import annotations

from mendloop.errors import SandboxError


class MachineError(SandboxError):
    """This machine cannot be used any more; another one may do."""


class BusyError(SandboxError):
    """The cloud gave no machine now; `unsure` when it may have made one without our learning of it."""

    def __init__(self, what: str, *, unsure: bool) -> None:
        super().__init__(what)
        self.unsure = unsure
