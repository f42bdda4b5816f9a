"""Runs a command and says what it and everything it started used: python3 measured.py <result.json> <command> [args...]

Daemons that leave their parents come back to this process (PR_SET_CHILD_SUBREAPER), so that they are counted as well.
"""
import ctypes
import json
import os
import resource
import subprocess
import sys
import threading
import time

PR_SET_CHILD_SUBREAPER = 36
PAGE = os.sysconf("SC_PAGE_SIZE")


def descendants():
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as stat:
                    fields = stat.read().rsplit(b")", 1)[1].split()
                parents[int(name)] = (int(fields[1]), int(fields[21]) * PAGE)
            except OSError:
                pass  # It ended in between.
    mine, size = {os.getpid()}, 0
    while size != len(mine):
        size = len(mine)
        mine.update(pid for pid, (parent, _) in parents.items() if parent in mine)
    return {pid: parents[pid][1] for pid in mine if pid in parents and pid != os.getpid()}


def main():
    result, command = sys.argv[1], sys.argv[2:]
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    peak, over = [0], threading.Event()

    def watch():
        while not over.wait(0.3):
            peak[0] = max(peak[0], sum(descendants().values()))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    began = time.monotonic()
    code = subprocess.call(command, stdin=subprocess.DEVNULL)
    wall = time.monotonic() - began
    # What was ended with the command is still to be waited for; what goes on is not waited for long.
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(0.05)
        except ChildProcessError:
            break
    over.set()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    with open(result, "w", encoding="utf-8") as out:
        json.dump({"code": code, "wall": wall, "cpu": used.ru_utime + used.ru_stime, "peakBytes": peak[0], "left": len(descendants())}, out)


main()
