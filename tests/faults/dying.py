"""The command line with an end in it: `dying.py PLACE NTH ENDING ARGUMENTS...`.

The NTH time that the program comes past PLACE (see `mendloop.runs.failpoints`) it is killed (ENDING `kill`), or finds
the disk full there from then on (`full`).
"""

from __future__ import annotations

import errno
import itertools
import os
import signal
import sys

from mendloop.cli import main
from mendloop.runs.failpoints import Place, arm

place, nth, ending = sys.argv[1], int(sys.argv[2]), sys.argv[3]
visits = itertools.count(1)


def reached(here: Place) -> None:
    if here != place or next(visits) < nth:
        return
    if ending == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


sys.argv[1:] = sys.argv[4:]
arm(reached)
main()
