"""The program that becomes another user and then the plugin; run by its path, as root: USER-ID GROUP-ID NAME PROGRAM …

It stands between the gateway and the plugin because what a process does between fork and exec must not be Python: the
gateway has threads, and `subprocess` would not use vfork for another user.
"""

from __future__ import annotations

import os
import stat
import sys


def main() -> None:
    """Become the user, with its groups and nobody else's, and run the program.

    The pipes of its output are made the user's, or it could not open /dev/stdout and /dev/stderr by name.
    """
    uid, gid, name, *command = sys.argv[1:]
    for output in (sys.stdout, sys.stderr):
        if stat.S_ISFIFO(os.fstat(output.fileno()).st_mode):
            os.fchown(output.fileno(), int(uid), int(gid))
    os.initgroups(name, int(gid))
    os.setgid(int(gid))
    os.setuid(int(uid))
    try:
        os.execv(command[0], command)
    except OSError as error:
        sys.exit(f"the user {name!r} cannot run {command[0]}: {error.strerror}")


if __name__ == "__main__":
    main()
