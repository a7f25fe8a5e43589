"""Programs that fill the scratch folder, or leave in it what the next execution could trip over."""

# ruff: noqa: E501
# Programs are literals in one piece.

from __future__ import annotations

from typing import Final

from tests.tools.sandbox.hostile.attack import Attack, ends, never_ends

STORAGE: Final[dict[str, Attack]] = {
    "disk fill": ends(
        """
def f():
    with open('a', 'wb') as a:
        while True: a.write(bytes(1 << 16))
""",
        "disk",
    ),
    "disk fill in many files": ends(
        """
def f():
    for i in range(100):
        with open(f'a{i}', 'wb') as a: a.write(bytes(1 << 18))
""",
        "disk",
    ),
    "disk fill in files that are deleted and open": ends(
        """
import os
def f():
    held = []
    for i in range(100):
        held.append(open('a', 'wb', buffering=0))
        os.unlink('a')
        held[-1].write(bytes(1 << 18))
        if held[-1].tell() < 1 << 18: held[-1].write(b'x')
""",
        "disk",
    ),
    "disk fill by children": ends(
        """
import os, time
def f():
    for i in range(4):
        if os.fork() == 0:
            with open(f'a{i}', 'wb') as a: a.write(bytes(2 << 20))
            os._exit(0)
    for i in range(4): os.wait()
    return 1
""",
        "disk",
    ),
    "disk fill through memory": ends(
        """
import mmap, os
def f():
    held = []
    for i in range(16):
        file = os.open(f'a{i}', os.O_RDWR | os.O_CREAT)
        os.ftruncate(file, 1 << 20)
        held.append(mmap.mmap(file, 1 << 20))
        for at in range(0, 1 << 20, 4096): held[-1][at] = 1
""",
        "crash",
    ),
    "disk fill reserved at once": ends(
        """
import os
def f():
    for i in range(16): os.posix_fallocate(os.open(f'a{i}', os.O_RDWR | os.O_CREAT), 0, 1 << 20)
""",
        "disk",
    ),
    "a file beyond its limit": ends(
        """
import os, signal
def f():
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    file = os.open('a', os.O_RDWR | os.O_CREAT)
    os.lseek(file, 1 << 30, 0)
    os.write(file, b'x')
""",
        "disk",
        "crash",
    ),
    "inode fill": ends(
        """
def f():
    for i in range(10**5): open(f'a{i}', 'w').close()
""",
        "disk",
    ),
    "inode fill with folders": ends(
        """
import os
def f():
    for i in range(10**5): os.mkdir(f'a{i}')
""",
        "disk",
    ),
    "inode fill with symbolic links": ends(
        """
import os
def f():
    for i in range(10**5): os.symlink('x' * 4000, f'a{i}')
""",
        "disk",
    ),
    "inode fill with hard links": ends(
        """
import os
def f():
    open('a', 'w').close()
    for i in range(10**5): os.link('a', f'a{i}')
""",
        "disk",
    ),
    "extended attributes": ends(
        """
import os
def f():
    try:
        for i in range(10**4): os.setxattr('.', f'user.a{i}', bytes(60000))
    except OSError: return i
""",
        "ok",
        "disk",
    ),
    "sparse files": ends(
        """
import os
def f():
    sizes = []
    for i in range(20):
        try: os.truncate(os.open(f'a{i}', os.O_RDWR | os.O_CREAT), 4 << 20)
        except OSError as error: return error.errno
        sizes.append(os.stat(f'a{i}').st_size)
    return sum(sizes)
"""
    ),
    "folders nested without end": ends(
        """
import os
def f():
    while True:
        os.mkdir('d' * 250)
        os.chdir('d' * 250)
""",
        "disk",
    ),
    "folders nested and renamed": never_ends(
        """
import os
def f():
    for depth in range(200):
        os.mkdir('d')
        os.chdir('d')
    os.mkdir('/tmp/x')
    while True:
        os.rename('/tmp/x', 'x')
        os.rename('x', '/tmp/x')
"""
    ),
    "names that are no text": ends(
        """
import os
def f():
    for name in (b'\\xff\\xfe', b'\\n\\r\\t', b'-rf', '\\u202e\\u0000ab'.encode()[:3], '\\U0001f525'.encode() * 60, b' ', b'\\x1b[2J'):
        os.close(os.open(name, os.O_CREAT))
    return sorted(os.listdir(b'.'))
"""
    ),
    "names that are surrogates": ends(
        """
import os
def f():
    open('\\udcff', 'w').close()
    return os.listdir('.')
"""
    ),
    "symbolic links in circles": ends(
        """
import os
def f():
    os.symlink('b', 'a'); os.symlink('a', 'b'); os.symlink('.', 'c')
    try: open('a')
    except OSError: return os.listdir('c/' * 39)
"""
    ),
    "a symbolic link for the next execution": ends(
        """
import os
def f():
    os.symlink('/etc/shadow', 'stdin')
    os.symlink('/', '/tmp/right')
    os.symlink('/usr', 'solution.py')
    return sorted(os.listdir('/tmp'))
"""
    ),
    "modules for the next execution": ends(
        """
import os, sys
def f():
    for name in ('json.py', 'sitecustomize.py', 'usercustomize.py', 'os.py', 'python311.zip', 'pyvenv.cfg'):
        with open(name, 'w') as file: file.write('raise SystemExit')
    sys.path.insert(0, '/tmp')
    return sorted(os.listdir('/tmp'))
"""
    ),
    "a scratch folder nobody may use": ends(
        """
import os
def f():
    for i in range(5): open(f'a{i}', 'w').close()
    os.chmod('/tmp', 0)
    return 1
"""
    ),
    "a pipe with a name": never_ends(
        """
import os
def f():
    os.mkfifo('p')
    return open('p').read()
"""
    ),
    "files left open by children": ends(
        """
import os, time
def f():
    if os.fork() == 0:
        held = [open(f'a{i}', 'w') for i in range(100)]
        time.sleep(3600)
    return 1
"""
    ),
    "locks on every file in sight": ends(
        """
import fcntl, os, struct
def f():
    held = 0
    for name in range(8):
        file = os.open(f'a{name}', os.O_RDWR | os.O_CREAT)
        for at in range(0, 2000, 2):
            fcntl.fcntl(file, 37, struct.pack('hhqqi4x', fcntl.F_WRLCK, 0, at, 1, 0))  # F_OFD_SETLK
            held += 1
    return held
"""
    ),
    "writing until the disk is full, then answering": ends(
        """
def f():
    try:
        with open('a', 'wb', buffering=0) as a:
            while a.write(bytes(1 << 16)): pass
    except OSError: pass
    return 'wrong'
""",
        "disk",
    ),
}
