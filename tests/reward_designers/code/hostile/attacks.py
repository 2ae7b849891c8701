# ruff: noqa
"""Attacks with all of Python's builtins at hand: each returns something true if it got what it was after.

The text of this file is run as a reward program, with the AST check off and with full builtins, so that what is tested
is the containment by the kernel. ``FOLDER`` (the canary's), ``PORT`` (a listener's), ``NAME`` (of an abstract socket)
and ``PARENT`` (the trainer's process id) and ``MACHINE`` are put before it, ``TABLE``, the
list of these functions, behind. Where an attack succeeds it does no harm.
"""

import ctypes
import fcntl
import gc
import mmap
import os
import resource
import signal
import socket
import struct
import sys
import time

import numpy as np

LIBC = ctypes.CDLL(None, use_errno=True)
CANARY, SECRET = FOLDER + "/canary", FOLDER + "/secret"  # noqa: F821
# x86_64, aarch64
SYSCALLS = {
    "openat": (257, 56), "openat2": (437, 437), "io_uring_setup": (425, 425), "memfd_create": (319, 279),
    "socket": (41, 198), "clone3": (435, 435), "ptrace": (101, 117), "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271), "pidfd_open": (434, 434), "pidfd_send_signal": (424, 424), "tgkill": (234, 131),
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "keyctl": (250, 219),
    "unshare": (272, 97), "mount": (165, 40), "personality": (135, 92), "name_to_handle_at": (303, 264),
    "getrandom": (318, 278), "sendmsg": (46, 211), "mprotect": (10, 226), "mmap": (9, 222), "add_key": (248, 217),
    "pidfd_getfd": (438, 438), "kcmp": (312, 272), "init_module": (175, 105), "setns": (308, 268),
    "seccomp": (317, 277), "landlock_create_ruleset": (444, 444), "timer_create": (222, 107),
}  # fmt: skip


def syscall(name, *arguments):
    """The raw system call; -1 becomes an OSError."""
    number = SYSCALLS[name][MACHINE != "x86_64"]
    result = LIBC.syscall(ctypes.c_long(number), *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


# Files


def file_write():
    with open(CANARY, "w") as file:
        return file.write("changed")


def file_append_descriptor():
    return os.write(os.open(CANARY, os.O_WRONLY | os.O_APPEND), b"changed")


def file_read_secret():
    with open(SECRET) as file:
        return "SECRET" in file.read()


def file_create():
    return os.open(FOLDER + "/new", os.O_CREAT | os.O_WRONLY) >= 0


def file_unlink():
    os.unlink(FOLDER + "/victim-unlink")
    return True


def file_rename():
    os.rename(FOLDER + "/victim-rename", FOLDER + "/renamed")
    return True


def file_link():
    os.link(SECRET, FOLDER + "/linked")
    return True


def file_symlink():
    os.symlink(SECRET, FOLDER + "/symlinked")
    return True


def file_mkdir():
    os.mkdir(FOLDER + "/made")
    return True


def file_chmod():
    os.chmod(CANARY, 0o777)
    return True


def file_truncate():
    os.truncate(CANARY, 0)
    return True


def file_utime():
    os.utime(CANARY, (0, 0))
    return True


def file_list():
    return "canary" in os.listdir(FOLDER)


def file_stat():
    return os.stat(SECRET).st_size > 0


def file_raw_open():
    return syscall("openat", -100, SECRET.encode(), 0) >= 0


def file_raw_openat2():
    how = struct.pack("QQQ", 0, 0, 0)
    return syscall("openat2", -100, SECRET.encode(), how, ctypes.c_size_t(24)) >= 0


def file_io_uring():
    return syscall("io_uring_setup", 8, ctypes.create_string_buffer(120)) >= 0


def file_memfd():
    return syscall("memfd_create", b"hidden", 0) >= 0


def file_handle():
    handle = ctypes.create_string_buffer(struct.pack("Ii", 128, 0), 136)
    return syscall("name_to_handle_at", -100, SECRET.encode(), handle, ctypes.byref(ctypes.c_int()), 0) == 0


def file_chdir():
    os.chdir(FOLDER)
    return True


def file_numpy_save():
    np.save(FOLDER + "/saved.npy", np.ones(3))
    return True


def file_numpy_tofile():
    np.ones(3).tofile(FOLDER + "/tofile")
    return True


def file_numpy_fromfile():
    return b"SECRET" in np.fromfile(SECRET, np.uint8).tobytes()


def file_numpy_loadtxt():
    return "SECRET" in str(np.loadtxt(SECRET, dtype=str))


def file_numpy_memmap():
    mapped = np.memmap(CANARY, mode="r+", dtype=np.uint8)
    mapped[0] = 0
    mapped.flush()
    return True


def file_numpy_datasource():
    return np.lib.npyio.DataSource().open(SECRET).read()


# Network


def net_connect():
    socket.create_connection(("127.0.0.1", PORT), timeout=1).sendall(b"hello")
    return True


def net_udp():
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"hello", ("127.0.0.1", PORT))


def net_abstract_socket():
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.connect("\0" + NAME)
    return True


def net_listen():
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    sock.listen()
    return True


def net_raw_socket():
    return syscall("socket", 2, 1, 0) >= 0


def net_socketpair():
    return socket.socketpair()


def net_resolve():
    return socket.getaddrinfo("localhost", 80)


def net_netlink():
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)


# Processes


def process_fork():
    child = os.fork()
    if child == 0:
        os._exit(0)
    return os.waitpid(child, 0)


def process_system():
    return os.system("touch " + FOLDER + "/system") == 0


def process_spawn():
    return os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0)


def process_popen():
    return os.popen("echo SECRET").read()


def process_thread():
    import _thread

    _thread.start_new_thread(lambda: None, ())
    return True


def process_clone3():
    arguments = ctypes.create_string_buffer(struct.pack("8Q", 0, 0, 0, 0, signal.SIGCHLD, 0, 0, 0), 64)
    child = syscall("clone3", arguments, ctypes.c_size_t(64))
    if child == 0:
        os._exit(0)
    return os.waitpid(child, 0)


def process_session():
    return os.setpgid(0, 0) is None


def process_sleep():
    time.sleep(0.01)
    return True


# Other processes


def parent_signal():
    os.kill(PARENT, signal.SIGUSR1)
    return True


def parent_signal_raw():
    return syscall("tgkill", PARENT, PARENT, int(signal.SIGUSR1)) == 0


def parent_signal_pidfd():
    fd = syscall("pidfd_open", PARENT, 0)
    return syscall("pidfd_send_signal", fd, int(signal.SIGUSR1), None, 0) == 0


def parent_signal_everyone():
    os.kill(-1, 0)
    return True


def parent_signal_by_descriptor():
    fcntl.fcntl(0, fcntl.F_SETOWN, PARENT)
    fcntl.fcntl(0, 10, signal.SIGUSR1)
    return True


def parent_environment():
    with open(f"/proc/{PARENT}/environ") as file:
        return file.read()


def parent_environment_raw():
    fd = syscall("openat", -100, f"/proc/{PARENT}/environ".encode(), 0)
    return os.read(fd, 1 << 20)


def parent_command_line():
    with open(f"/proc/{PARENT}/cmdline") as file:
        return file.read()


def parent_memory_map():
    with open(f"/proc/{PARENT}/maps") as file:
        return file.read()


def parent_memory():
    return os.open(f"/proc/{PARENT}/mem", os.O_RDWR) >= 0


def parent_descriptors():
    return os.listdir(f"/proc/{PARENT}/fd")


def parent_read_memory():
    buffer = ctypes.create_string_buffer(16)
    local = struct.pack("PN", ctypes.addressof(buffer), 16)
    # The same executable, which is not at a random place where that is switched off; any answer but EPERM tells.
    remote = struct.pack("PN", id(None), 16)
    try:
        return syscall("process_vm_readv", PARENT, local, 1, remote, 1, 0) > 0
    except OSError as error:
        return error.errno == 14  # EFAULT: allowed, though nothing is there


def parent_write_memory():
    nothing = struct.pack("PN", 0, 0)
    return syscall("process_vm_writev", PARENT, nothing, 0, nothing, 0, 0) == 0 and os.getppid() == 0


def parent_ptrace():
    return syscall("ptrace", 0x4206, PARENT, None, None) == 0  # PTRACE_SEIZE, which does not stop it


def parent_steal_descriptor():
    return syscall("pidfd_getfd", syscall("pidfd_open", PARENT, 0), 0, 0) >= 0


def parent_priority():
    os.setpriority(os.PRIO_PROCESS, PARENT, os.getpriority(os.PRIO_PROCESS, PARENT))
    return True


def parent_limits():
    resource.prlimit(PARENT, resource.RLIMIT_CORE, resource.prlimit(PARENT, resource.RLIMIT_CORE))
    return True


def parent_affinity():
    os.sched_setaffinity(PARENT, os.sched_getaffinity(PARENT))
    return True


def parent_in_this_process():
    """A secret that came along: in the environment, the arguments, or any object."""
    texts = [str(dict(os.environ)), str(sys.argv), str(sys.orig_argv), str(sys.path)]
    texts += [thing for thing in gc.get_objects() if isinstance(thing, str)]
    return any("SECRET" + "-VALUE" in text for text in texts)


def parent_shared_memory():
    return [name for name in os.listdir("/dev/shm")] is not None


# The kernel


def kernel_bpf():
    return syscall("bpf", 0, ctypes.create_string_buffer(struct.pack("IIII", 2, 4, 8, 1), 128), 128) >= 0


def kernel_perf():
    attributes = ctypes.create_string_buffer(struct.pack("IIQ", 1, 112, 0), 112)
    return syscall("perf_event_open", attributes, 0, -1, -1, 0) >= 0


def kernel_userfaultfd():
    return syscall("userfaultfd", 1) >= 0


def kernel_keys():
    return syscall("add_key", b"user", b"k", b"v", ctypes.c_size_t(1), ctypes.c_long(-2)) >= 0


def kernel_namespace():
    return syscall("unshare", 0x10000000) == 0


def kernel_mount():
    try:
        syscall("mount", b"none", FOLDER.encode(), b"no-such-type", 0, None)
    except OSError as error:
        return error.errno == 19  # ENODEV: it looked for the type, so it would have mounted


def kernel_random_bytes():
    return os.urandom(8)


def kernel_dumpable_again():
    return LIBC.prctl(4, 1, 0, 0, 0) == 0


def kernel_more_memory():
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    return True


def kernel_another_filter():
    """Allow-all filters cannot lift what is there; that even this call fails shows which list is in force."""
    program = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0x7FFF0000), 8)
    header = struct.pack("HxxxxxxP", 1, ctypes.addressof(program))
    return syscall("seccomp", 1, 0, header) == 0


def kernel_timer():
    signal.setitimer(signal.ITIMER_REAL, 0)
    return True


def kernel_set_user():
    os.setresuid(os.getuid(), os.getuid(), os.getuid())
    return True


# Memory and descriptors


def memory_executable():
    return mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)


def memory_make_executable():
    area = np.zeros(16384, np.uint8)
    page = (area.ctypes.data + 4095) & ~4095
    return syscall("mprotect", ctypes.c_void_p(page), ctypes.c_size_t(4096), 7) == 0


def memory_inputs_writable():
    """The inputs' pages, through the kernel."""
    page = INPUT["obs"].ctypes.data & ~4095
    return syscall("mprotect", ctypes.c_void_p(page), ctypes.c_size_t(4096), 3) == 0


def memory_inputs_mapped_again():
    return [fd for fd in range(3, 40) if _mapped(fd)]


def _mapped(fd):
    LIBC.mmap.restype = ctypes.c_long
    try:
        os.fstat(fd)
    except OSError:
        pass
    return LIBC.mmap(None, ctypes.c_size_t(4096), 3, 1, fd, ctypes.c_long(0)) not in (-1, 0)


def memory_resize():
    return [fd for fd in range(3, 40) if LIBC.ftruncate(fd, ctypes.c_long(0)) == 0]


def memory_unseal():
    return [fd for fd in range(3, 40) if LIBC.fcntl(fd, 1033, 0) == 0]


def memory_set_writable():
    INPUT["obs"].setflags(write=True)
    return True


def memory_write_inputs():
    INPUT["obs"][...] = 7.0
    return True


def memory_write_inputs_by_output_argument():
    np.add(INPUT["obs"], 1.0, out=INPUT["obs"])
    return True


def memory_write_inputs_by_base():
    base = INPUT["obs"]
    while isinstance(base.base, np.ndarray):
        base = base.base
    np.frombuffer(base.base, np.uint8)[:8] = 7
    return True


def descriptors_read():
    found = []
    for fd in range(2, 40):
        try:
            os.lseek(fd, 0, 0)
        except OSError:
            pass
        try:
            found.append(os.read(fd, 10))
        except OSError:
            pass
    return found


def descriptors_write():
    found = []
    for fd in (0, *range(2, 40)):
        try:
            found.append(os.write(fd, b"x"))
        except OSError:
            pass
    return found


def descriptors_duplicate():
    return os.dup2(1, 30)


def descriptors_close_lifeline():
    """Without it, a busy worker would outlive a killed trainer."""
    return [fd for fd in range(3, 40) if LIBC.close(fd) == 0]


def descriptors_disarm_lifeline():
    return [fd for fd in range(3, 40) if LIBC.fcntl(fd, 4, 0) == 0]


def descriptors_send():
    return syscall("sendmsg", 1, ctypes.create_string_buffer(64), 0) >= 0


# Imports


def import_subprocess():
    import subprocess

    return subprocess.run(["true"]).returncode == 0


def import_urllib():
    import urllib.request

    return urllib.request.urlopen(f"http://127.0.0.1:{PORT}")


def import_multiprocessing():
    import multiprocessing

    multiprocessing.Process(target=print).start()
    return True


def import_from_folder():
    sys.path.insert(0, FOLDER)
    import planted

    return planted


def import_pickle():
    import pickle

    class Evil:
        def __reduce__(self):
            return os.system, ("touch " + FOLDER + "/pickled",)

    return pickle.loads(pickle.dumps(Evil())) == 0


INPUT = {}


def reward(obs, which):
    """Attack number ``which``: components ``succeeded`` and, so that an attack that raised is known, ``raised``."""
    INPUT["obs"] = obs
    attack = TABLE[int(which[0])]
    try:
        succeeded, raised = bool(attack()), False
    except (Exception, SystemExit):
        succeeded, raised = False, True
    return {"succeeded": np.full(len(obs), succeeded), "raised": np.full(len(obs), raised)}
