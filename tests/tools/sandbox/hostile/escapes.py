"""Attempts to reach what is outside: each is an expression that is False when it was stopped."""

# ruff: noqa: E501
# Programs are literals in one piece.

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.tools.sandbox.hostile.attack import MARK

# name: number on x86_64, number on aarch64
_NUMBERS: Final = {
    "acct": (163, 89),
    "add_key": (248, 217),
    "adjtimex": (159, 171),
    "bpf": (321, 280),
    "capset": (126, 91),
    "clock_adjtime": (305, 266),
    "clone": (56, 220),
    "clone3": (435, 435),
    "delete_module": (176, 106),
    "fanotify_init": (300, 262),
    "finit_module": (313, 273),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "init_module": (175, 105),
    "inotify_init1": (294, 26),
    "io_setup": (206, 0),
    "io_uring_setup": (425, 425),
    "ioprio_set": (251, 30),
    "kcmp": (312, 272),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "migrate_pages": (256, 238),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "mq_open": (240, 180),
    "msgget": (68, 186),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "perf_event_open": (298, 241),
    "pidfd_getfd": (438, 438),
    "pivot_root": (155, 41),
    "process_madvise": (440, 440),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "quotactl": (179, 60),
    "request_key": (249, 218),
    "semget": (64, 190),
    "setdomainname": (171, 162),
    "sethostname": (170, 161),
    "setns": (308, 268),
    "settimeofday": (164, 170),
    "shmget": (29, 194),
    "swapoff": (168, 225),
    "swapon": (167, 224),
    "sync": (162, 81),
    "syslog": (103, 116),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
    "vhangup": (153, 58),
    "vmsplice": (278, 75),
}

_NAMESPACES: Final = {
    "mount": 0x00020000,
    "cgroup": 0x02000000,
    "uts": 0x04000000,
    "ipc": 0x08000000,
    "user": 0x10000000,
    "pid": 0x20000000,
    "network": 0x40000000,
}

_SOCKETS: Final = {
    "tcp": (2, 1),
    "udp": (2, 2),
    "icmp": (2, 2),
    "tcp over IPv6": (10, 1),
    "raw packets": (17, 3),
    "netlink": (16, 3),
    "unix": (1, 1),
    "unix datagrams": (1, 2),
    "vsock": (40, 1),
    "cryptography of the kernel": (38, 5),
    "bluetooth": (31, 3),
    "xdp": (44, 3),
}

_LIMITS: Final = (
    ("processes", "NPROC"),
    ("files", "NOFILE"),
    ("memory", "AS"),
    ("file size", "FSIZE"),
    ("processor time", "CPU"),
    ("core files", "CORE"),
)

CODE: Final = f"""
import ctypes, errno, fcntl, glob, mmap, os, platform, resource, signal, socket, sys, time
libc = ctypes.CDLL(None, use_errno=True)
NUMBERS = {_NUMBERS!r}
COLUMN = 0 if platform.machine() == 'x86_64' else 1
def call(name, *arguments):
    words = [argument if isinstance(argument, bytes) else ctypes.c_long(argument) for argument in arguments]
    words += [ctypes.c_long(0)] * (6 - len(words))
    return libc.syscall(ctypes.c_long(NUMBERS[name][COLUMN]), *words)
def reaches(name, *arguments, refused=errno.EPERM):
    return call(name, *arguments) >= 0 or ctypes.get_errno() != refused
def works(action, *stopped):
    try: action()
    except (OSError, ValueError, *stopped): return False
    return True
def reads(*paths): return any(works(lambda: open(path, 'rb').read(1)) for path in paths)
def writes(*paths): return any(works(lambda: open(path, 'r+b' if os.path.exists(path) else 'wb')) for path in paths)
def clones(flags):
    pid = call('clone', flags | 17)
    if pid == 0: os._exit(0)
    return pid > 0
def abstract(kind):
    a, b = socket.socketpair(socket.AF_UNIX, kind)
    return works(lambda: a.bind(b'\\0{MARK}')) or works(lambda: b.connect(b'\\0{MARK}'))
"""


def _quoted(*paths: str) -> str:
    return ", ".join(map(repr, paths))


ESCAPES: Final[dict[str, str]] = {
    # files
    "passwords": f"reads({_quoted('/etc/shadow', '/etc/passwd', '/etc/sudoers')})",
    "the environment of other processes": f"bool(os.environ) or reads({_quoted('/proc/1/environ', '/proc/self/environ')})",
    "folders of the host": "any(map(os.path.exists, "
    "['/home', '/root/.ssh', '/var', '/proc/1', '/sys', '/etc', '/opt', '/run', '/boot', '/srv', '/mnt']))",
    "devices": "any(map(os.path.exists, ['/dev/sda', '/dev/vda', '/dev/mem', '/dev/kmsg', '/dev/fuse', '/dev/kvm', "
    "'/dev/tty', '/dev/ptmx', '/dev/net/tun', '/dev/userfaultfd', '/dev/hpet', '/dev/uinput']))",
    "the file of this test": f"reads({str(Path(__file__).resolve())!r}, {str(Path(__file__).resolve().parents[1])!r})",
    "keys in files": "bool(glob.glob('/**/id_rsa*', recursive=True) + glob.glob('/**/*.pem', recursive=True)) "
    "or reads('/proc/keys', '/proc/key-users')",
    "parent folders": "reads('/tmp/../../../../../etc/shadow') or os.path.samefile('/', '/..') is False",
    "symbolic link out": f"works(lambda: os.symlink('/proc/1/root/etc/shadow', 'link')) and reads('link', '{'../' * 20}etc/shadow')",
    "hard link out": "works(lambda: os.link(os.__file__, 'link')) or works(lambda: os.link('/dev/null', 'link'))",
    "the root of a process": "os.path.exists('/proc/self/root') or reads('/proc/self/root/etc/shadow', '/proc/self/cwd/..')",
    "chroot": "works(lambda: os.chroot('.')) or works(lambda: os.chroot('/proc/self/root'))",
    "folders by descriptor": "any(works(lambda: os.open('../../etc', os.O_DIRECTORY, dir_fd=fd)) for fd in range(256))",
    "files by handle": "reaches('name_to_handle_at') or reaches('open_by_handle_at')",
    "writing the interpreter": "writes('/usr/x', os.__file__, sys.executable, os.path.dirname(os.__file__) + '/x')",
    "writing what is not there": "writes('/x', '/etc/x', '/usr/local/x', '/home/x', '/root/x', '/var/x', '/.empty/x')",
    "compiled files beside the library": "works(lambda: os.mkdir(os.path.dirname(os.__file__) + '/__pycache__/x'))",
    "modes of the interpreter": "works(lambda: os.chmod(os.__file__, 0o777)) or works(lambda: os.utime(os.__file__)) "
    "or works(lambda: os.setxattr(os.__file__, 'user.x', b'x'))",
    "writing devices": "writes('/dev/x', '/dev/sda') or works(lambda: os.unlink('/dev/null')) "
    "or works(lambda: os.chmod('/dev/null', 0))",
    "settings of the kernel": "writes('/proc/sys/kernel/core_pattern', '/proc/sys/vm/overcommit_memory')",
    "sysrq": "writes('/proc/sysrq-trigger', '/proc/sys/kernel/sysrq')",
    "device nodes": "works(lambda: os.mknod('null', 0o20666, os.makedev(1, 3))) or works(lambda: os.mknod('d', 0o60666, 2048))",
    "programs in the scratch folder": "works(lambda: open('x', 'wb').write(open(sys.executable, 'rb').read(1000))) "
    "and works(lambda: (os.chmod('x', 0o777), mmap.mmap(os.open('x', 0), 100, mmap.MAP_PRIVATE, mmap.PROT_EXEC)))",
    "set-uid programs": "works(lambda: os.chown('.', 0, 0)) or bool([p for p in ('/bin/su', '/usr/bin/su', '/usr/bin/sudo', "
    "'/usr/bin/passwd', '/bin/mount', '/usr/bin/newuidmap') if os.path.exists(p)])",
    "su": "os.system('su -c true') == 0 or os.system('sudo -n true') == 0",
    "shell": "os.system('true') == 0 or os.path.exists('/bin/sh')",
    "third-party packages": "works(lambda: __import__('pydantic'), ImportError) or works(lambda: __import__('pip'), ImportError)",
    "the harness by import": "works(lambda: __import__('inside.worker'), ImportError) or 'inside' in sys.modules "
    "or works(lambda: __import__('mendloop'), ImportError)",
    # mounts and namespaces
    "mount": "libc.mount(b'none', b'/tmp', b'tmpfs', 0, None) == 0",
    "mount of proc": "libc.mount(b'proc', b'/tmp', b'proc', 0, None) == 0",
    "remount": "libc.mount(None, b'/', None, 32 | 4096, None) == 0 or libc.mount(None, b'/tmp', None, 32, None) == 0",
    "umount": "libc.umount2(b'/tmp', 2) == 0 or libc.umount2(b'/', 2) == 0",
    "new ways to mount": "reaches('fsopen') or reaches('fsmount') or reaches('open_tree') or reaches('move_mount') "
    "or reaches('mount_setattr') or reaches('pivot_root')",
    "setns": "reaches('setns', 0, 0)",
    "clone3": "reaches('clone3', refused=errno.ENOSYS)",
    **{f"unshare the {name} namespace": f"reaches('unshare', {flag})" for name, flag in _NAMESPACES.items()},
    **{f"clone into a new {name} namespace": f"clones({flag})" for name, flag in _NAMESPACES.items()},
    "clone into every namespace": f"clones({sum(_NAMESPACES.values())})",
    # network
    **{f"sockets: {name}": f"works(lambda: socket.socket({f}, {k}))" for name, (f, k) in _SOCKETS.items()},
    "pairs of sockets of other families": "any(works(lambda: socket.socketpair(f, 1)) for f in (2, 10, 16, 30, 40))",
    "abstract sockets": "abstract(socket.SOCK_STREAM) or abstract(socket.SOCK_DGRAM)",
    "dns": "works(lambda: socket.getaddrinfo('example.org', 80)) or works(lambda: socket.gethostbyname('example.org'))",
    # other processes
    "ptrace": "reaches('ptrace', 0) or reaches('ptrace', 16, 1)",
    "memory of other processes": "reaches('process_vm_readv', 1) or reaches('process_vm_writev', 1) or reaches('process_madvise')",
    "descriptors of other processes": "reaches('pidfd_getfd') or reaches('kcmp')",
    "inherited descriptors": "[fd for fd in range(3, 255) if works(lambda: os.fstat(fd))] != []",
    "descriptors beyond the limit": "[fd for fd in range(256, 4096) if works(lambda: os.fstat(fd))] != []",
    "signals to the host": "works(lambda: os.kill(os.getppid() or 2, 0)) or any(works(lambda: os.kill(n, 0)) for n in range(2, 400))",
    "priorities of the host": "any(works(lambda: os.setpriority(os.PRIO_PROCESS, n, 19)) for n in range(2, 400))",
    "limits of the host": "any(works(lambda: resource.prlimit(n, resource.RLIMIT_CPU, (1, 1))) for n in range(2, 400))",
    "pages of other processes": "reaches('migrate_pages', 2)",
    # privileges
    "becoming root": "works(lambda: os.setuid(0)) or works(lambda: os.setgid(0)) or works(lambda: os.setgroups([0])) or os.geteuid() == 0",
    "capabilities": "ctypes.memset(word := (ctypes.c_uint32 * 6)(), 255, 24) and "
    "libc.capset((ctypes.c_uint32 * 2)(0x20080522, 0), word) == 0",
    "ambient capabilities": "any(libc.prctl(47, 2, c, 0, 0) == 0 for c in range(41))",
    "keeping capabilities": "libc.prctl(8, 1, 0, 0, 0) == 0 and os.geteuid() == 0",
    "privileges by exec": "libc.prctl(38, 0, 0, 0, 0) == 0 or libc.prctl(39, 0, 0, 0, 0) != 1",
    "taking the filter off": "libc.prctl(22, 0, 0, 0, 0) == 0 or libc.prctl(21, 0, 0, 0, 0) != 2",
    "its own memory map": "libc.prctl(35, 1, ctypes.c_long(0), 0, 0) == 0",
    **{
        f"raising the limit on {name}": f"works(lambda: resource.setrlimit(resource.RLIMIT_{limit}, (2**40, 2**40)))"
        for name, limit in _LIMITS
    },
    "lowering nice": "works(lambda: os.nice(-5))",
    "real-time scheduling": "works(lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))) "
    "or works(lambda: os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(50)))",
    "real-time input and output": "call('ioprio_set', 1, 0, 1 << 13) == 0",
    "personality": "libc.personality(0x0040000) >= 0",
    # keys, queues, shared memory
    "keys": "reaches('keyctl', 0, -3) or reaches('add_key') or reaches('request_key')",
    "shared memory": "reaches('shmget', 0, 4096, 0o1600)",
    "semaphores": "reaches('semget', 0, 1, 0o1600)",
    "message queues": "reaches('msgget', 0, 0o1600)",
    "queues by name": f"reaches('mq_open', b'{MARK}', 0o102, 0o600)",
    "memory outside the limits": "reaches('memfd_create', b'x') or reaches('memfd_secret', refused=ctypes.get_errno() or 1)",
    # the kernel's interfaces
    "bpf": "reaches('bpf')",
    "io_uring": "reaches('io_uring_setup', 1)",
    "asynchronous input and output": "reaches('io_setup', 1)",
    "userfaultfd": "reaches('userfaultfd', 1)",
    "perf": "reaches('perf_event_open', 0, 0, -1, -1)",
    "fanotify": "reaches('fanotify_init')",
    "vmsplice": "reaches('vmsplice')",
    "watches on files of the host": "reaches('inotify_init1')",
    "more signals and timers than one program needs": "resource.getrlimit(11)[1] not in range(4097)",
    "kernel messages": "reaches('syslog', 2)",
    "typing into a terminal": "any(libc.ioctl(fd, 0x5412, b'x') == 0 or libc.ioctl(fd, 0x541C, b'\\x03') == 0 for fd in (0, 1, 2))",
    "a controlling terminal": "libc.ioctl(0, 0x540E, 1) == 0",
    # the machine
    "clock": "works(lambda: time.clock_settime(time.CLOCK_REALTIME, 0)) or reaches('settimeofday') or reaches('adjtimex') "
    "or reaches('clock_adjtime')",
    "reboot": "libc.reboot(0x89ABCDEF) == 0 or ctypes.get_errno() != 1",
    "kexec": "reaches('kexec_load') or reaches('kexec_file_load')",
    "modules": "reaches('init_module') or reaches('finit_module', 0) or reaches('delete_module')",
    "swap": "reaches('swapon') or reaches('swapoff')",
    "ports": "COLUMN == 0 and (libc.ioperm(0, 1, 1) == 0 or libc.iopl(3) == 0)",
    "accounting and quotas": "reaches('acct') or reaches('quotactl')",
    "names of the machine": "reaches('sethostname', b'x', 1) or reaches('setdomainname', b'x', 1)",
    "hanging up": "reaches('vhangup')",
    "writing back every disk": "call('sync') == 0",
}
