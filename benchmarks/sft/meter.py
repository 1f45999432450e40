"""What both sides of the race are measured with. It knows neither of them."""

import contextlib
import hashlib
import json
import resource
import sys
import time
from pathlib import Path

import psutil


def tree(process):
    """The process and everything that it started and that still runs."""
    with contextlib.suppress(psutil.Error):
        return [process, *process.children(recursive=True)]
    return []


def cpu_s():
    """CPU-seconds so far of this process, of the children that it waited for, and of those that still run."""
    own, *children = [one.cpu_times() for one in tree(psutil.Process())]
    return own.user + own.system + own.children_user + own.children_system + sum(c.user + c.system for c in children)


def rss_bytes(pid):
    """Resident memory of a process and its children now; 0 when it is gone."""
    total = 0
    with contextlib.suppress(psutil.Error):
        for one in tree(psutil.Process(pid)):
            with contextlib.suppress(psutil.Error):
                total += one.memory_info().rss
    return total


def high_water_bytes():
    """Most memory that this process ever held, as the system counted it."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def key(ids, predicted):
    """One document as a side sees it: its tokens, and the places whose token is learned."""
    return hashlib.sha256(json.dumps([list(map(int, ids)), list(map(int, predicted))]).encode()).hexdigest()[:16]


class Log:
    """What a side did: after each optimiser step the clocks, and what its user would see of the loss."""

    def __init__(self):
        self.ends, self.losses = [], []

    def step_ended(self):
        self.ends.append({"cpu_s": cpu_s(), "wall_s": time.perf_counter()})

    def write(self, path, steps, **facts):
        """steps: {tokens, cells, supervised, documents} of each planned step; documents are keys."""
        told = {"ends": self.ends, "losses": self.losses, "steps": steps, **facts}
        Path(path).write_text(json.dumps({**told, "high_water_bytes": high_water_bytes()}))
