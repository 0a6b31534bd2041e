"""How does an engine's process begin, so that it never outlives whoever started it?

Run as a script (`python -I -S launch.py …`), never imported: it becomes the engine. PostgreSQL refuses to run as root,
and initdb as a uid without a name, so these first turn into somebody else. Only after that change is the death signal
set, because the kernel forgets it whenever a process changes who it is.
"""

import ctypes
import os
import sys

CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1
NOBODY = 65534


def enter_user_namespace(libc: ctypes.CDLL) -> None:
    """Become uid 65534 in a namespace of our own; outside it we stay who we are, so 0700 folders still open."""
    uid, gid = os.geteuid(), os.getegid()
    if libc.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "this machine does not allow a user namespace")
    for file, text in (
        ("/proc/self/setgroups", "deny"),
        ("/proc/self/uid_map", f"{NOBODY} {uid} 1"),
        ("/proc/self/gid_map", f"{NOBODY} {gid} 1"),
    ):
        with open(file, "w") as handle:
            handle.write(text)


def become_nobody() -> None:
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def main(arguments: list[str]) -> None:
    """`launch.py PARENT_PID DEATH_SIGNAL same|namespace|nobody COMMAND …`."""
    parent, death_signal, identity, *command = arguments
    libc = ctypes.CDLL(None, use_errno=True)
    if identity == "namespace":
        enter_user_namespace(libc)
    elif identity == "nobody":
        become_nobody()
    libc.prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
    if os.getppid() != int(parent):  # it died before the line above could hear of it
        raise SystemExit("the process that asked for this engine is gone")
    os.umask(0o077)
    os.execv(command[0], command)  # noqa: S606 - an absolute path, no shell


if __name__ == "__main__":
    main(sys.argv[1:])
