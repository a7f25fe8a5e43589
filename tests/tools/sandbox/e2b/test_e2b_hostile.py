"""Hostile programs on a rented machine: each gets its honest verdict, and the machine serves the next one."""

from __future__ import annotations

import os

import pytest

from tests.e2b_server import Cloud
from tests.tools.sandbox.e2b.renting import rent, run, value

# As an ordinary user a program would have the rights of whoever runs the tests.
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give programs a user of their own")

ATTACKS = {
    "fork bomb": ("import os\ndef f():\n    while True:\n        os.fork()\n", ("pids", "timeout")),
    "killing the runner": ("import os\ndef f():\n    os.kill(os.getppid(), 9)\n", ("ok",)),
    "daemon": (
        "import os, time\ndef f():\n    if os.fork() == 0:\n        os.setsid()\n        if os.fork() == 0:\n"
        "            time.sleep(600)\n        os._exit(0)\n    return 1\n",
        ("ok",),
    ),
    "output without end": ("def f():\n    while True: print('x' * 1000)\n", ("output_limit",)),
    "flood on every descriptor": (
        "import os\ndef f():\n    while True:\n        for fd in range(3, 256):\n"
        "            try: os.write(fd, b'x' * 65536)\n            except OSError: pass\n",
        ("no_result", "output_limit", "timeout"),
    ),
    "memory": ("def f():\n    return len(bytearray(1 << 30))\n", ("memory",)),
    "a big file": (
        "def f():\n    with open('a', 'wb') as a:\n        while True: a.write(bytes(1 << 16))\n",
        ("disk",),
    ),
    "leaving without a word": ("import os\ndef f():\n    os._exit(0)\n", ("no_result",)),
    "changing the runner": (
        "import os\ndef f():\n    folder = os.path.dirname(os.path.dirname(os.getcwd()))\n"
        "    for name in os.listdir(folder): open(folder + '/' + name, 'wb')\n",
        ("ok",),
    ),
    "becoming root": ("import os\ndef f():\n    os.setuid(0)\n", ("ok",)),
}


@pytest.mark.parametrize("name", ATTACKS)
async def test_the_verdict_is_honest_and_the_machine_goes_on(cloud: Cloud, name: str) -> None:
    code, honest = ATTACKS[name]
    small = {"cpu_s": 1.0, "wall_s": 3.0, "memory_mb": 96, "pids": 16, "disk_mb": 4, "output_mb": 0.05}
    async with rent(cloud, machines=1) as sandbox:
        done = await run(sandbox, "f()", code, **small)
        assert done.status in honest
        assert cloud.running() == set()
        assert len(done.stdout) + len(done.stderr) <= 0.05 * (1 << 20)
        assert value(await run(sandbox, "sorted(os.listdir('.'))", "import os", **small)) == "[]"
    assert len(cloud.created) == 1
