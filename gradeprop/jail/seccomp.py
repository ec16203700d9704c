"""System call filter (seccomp), compiled once to bytes that the jail loads. A deny-list: a second wall, not a proof."""

import errno
import struct
import tempfile
from collections.abc import Iterator
from typing import Any

# calls in which kernels had holes, which evade memory limits, or which look into other processes
_ALWAYS_DENIED = """
    unshare setns mount umount umount2 pivot_root chroot move_mount open_tree fsopen fsmount fsconfig fspick
    mount_setattr ptrace process_vm_readv process_vm_writev process_madvise kcmp pidfd_getfd perf_event_open bpf
    userfaultfd io_uring_setup io_uring_enter io_uring_register add_key request_key keyctl
    memfd_create memfd_secret shmget shmat shmctl msgget msgsnd msgrcv msgctl semget semop semctl semtimedop
    mq_open mq_unlink mq_timedsend mq_timedreceive
    open_by_handle_at name_to_handle_at fanotify_init lookup_dcookie quotactl quotactl_fd acct syslog
    init_module finit_module delete_module kexec_load kexec_file_load reboot swapon swapoff
    settimeofday clock_settime clock_adjtime adjtimex sethostname setdomainname iopl ioperm modify_ldt vhangup
    migrate_pages move_pages nfsservctl vmsplice personality
""".split()  # noqa: SIM905

# calls that reach the grader and its files if there are no namespaces, and that Landlock does not cover
_DENIED_WITHOUT_NAMESPACES = """
    fork vfork kill tkill tgkill rt_sigqueueinfo rt_tgsigqueueinfo pidfd_send_signal pidfd_open
    inotify_init inotify_init1 inotify_add_watch
    setpriority ioprio_set sched_setscheduler sched_setparam sched_setattr truncate truncate64
""".split()  # noqa: SIM905

# calls that seem to succeed: shutil.copy and zipfile set modes and times of their own files
_IGNORED = """
    chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat utime utimes utimensat futimesat
    setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr
""".split()  # noqa: SIM905

_NEW_NAMESPACES = (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000)
_CLONE_THREAD = 0x10000
_AF_UNIX, _AF_NETLINK = 1, 16
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
_F_SETOWN, _F_SETSIG, _F_SETOWN_EX = 8, 10, 15
_F_SETLEASE = 1024
_MAP_KIND, _MAP_SHARED_ANONYMOUS = 0x2F, 0x21
_SOCK_KIND, _SOCK_DGRAM, _SOCK_RAW = 0xF, 2, 3
_FIOSETOWN, _SIOCSPGRP = 0x8901, 0x8902  # the same, for sockets
_PR_SET_PDEATHSIG = 1
_WORD = 0xFFFFFFFF  # the kernel reads 32 bits of an argument; so must the rule

# refuse calls newer than the names above, before all rules: "load the number; from 463 on, ENOSYS"
_TOO_NEW = struct.pack("=HBBIHBBIHBBI", 0x20, 0, 0, 0, 0x35, 0, 1, 463, 0x06, 0, 0, 0x50000 | errno.ENOSYS)

Rule = tuple[int, str, tuple[Any, ...]]


def compile_filter(namespaces: bool) -> bytes:
    """Compile the BPF of the full tier, or the stricter one for jobs without namespaces; b"" without libseccomp."""
    try:
        import pyseccomp as seccomp
    except (ImportError, RuntimeError, OSError):
        return b""
    calls = seccomp.SyscallFilter(seccomp.ALLOW)
    for number, name, conditions in _rules(namespaces, seccomp.Arg, seccomp):
        try:
            calls.add_rule(seccomp.ERRNO(number), name, *conditions)
        except (ValueError, OSError, KeyError):
            continue  # this call does not exist on this architecture, or is newer than this libseccomp
    with tempfile.TemporaryFile() as file:
        calls.export_bpf(file)
        file.seek(0)
        return _TOO_NEW + file.read()


def _rules(namespaces: bool, arg: Any, op: Any) -> Iterator[Rule]:
    for name in _ALWAYS_DENIED if namespaces else _ALWAYS_DENIED + _DENIED_WITHOUT_NAMESPACES:
        yield errno.EPERM, name, ()
    yield errno.ENOSYS, "clone3", ()  # its flags are in memory, out of sight; libc falls back to clone
    for flag in _NEW_NAMESPACES:
        yield errno.EPERM, "clone", (arg(0, op.MASKED_EQ, flag, flag),)
    for request in (_TIOCSTI, _TIOCLINUX):  # they type into somebody's terminal
        yield errno.EPERM, "ioctl", (arg(1, op.MASKED_EQ, _WORD, request),)
    # a DataLoader's workers need AF_UNIX; libzmq aborts if netlink fails in another way
    for family in range(_AF_UNIX + namespaces, _AF_NETLINK):
        yield errno.EAFNOSUPPORT, "socket", (arg(0, op.EQ, family),)
    yield errno.EINVAL, "socket", (arg(0, op.EQ, _AF_NETLINK),)
    yield errno.EAFNOSUPPORT, "socket", (arg(0, op.GT, _AF_NETLINK),)
    yield errno.EPERM, "prlimit64", (arg(0, op.NE, 0),)  # else it could lower the supervisor's limits, and make it fail
    # shared anonymous memory, unmapped except for a page, stays allocated, and no process is seen to have it
    yield errno.EPERM, "mmap", (arg(3, op.MASKED_EQ, _MAP_KIND, _MAP_SHARED_ANONYMOUS),)
    yield errno.EPERM, "fcntl", (arg(1, op.MASKED_EQ, _WORD, _F_SETLEASE),)  # opening the file would then block
    if not namespaces:
        for kind in (_SOCK_DGRAM, _SOCK_RAW):  # they can write to any socket that has a name
            yield errno.EPERM, "socketpair", (arg(1, op.MASKED_EQ, _SOCK_KIND, kind),)
        for name in _IGNORED:
            yield 0, name, ()
        yield errno.EPERM, "clone", (arg(0, op.MASKED_EQ, _CLONE_THREAD, 0),)
        yield errno.EPERM, "prctl", (arg(0, op.MASKED_EQ, _WORD, _PR_SET_PDEATHSIG),)  # it must end with its supervisor
        yield errno.EPERM, "sched_setaffinity", (arg(0, op.NE, 0),)
        for command in (_F_SETOWN, _F_SETSIG, _F_SETOWN_EX):  # they make the kernel send a signal to any process
            yield errno.EPERM, "fcntl", (arg(1, op.MASKED_EQ, _WORD, command),)
        for request in (_FIOSETOWN, _SIOCSPGRP):
            yield errno.EPERM, "ioctl", (arg(1, op.MASKED_EQ, _WORD, request),)
