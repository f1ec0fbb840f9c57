"""Forks under load: how many children hang or fail while other threads of the parent are busy.

`SCHED_CACHE_FORKS` says how many for each object: 100, and 1000 with `make forks`.
"""

from __future__ import annotations

import os
import random
import signal
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event, Thread

N_FORKS = int(os.environ.get("SCHED_CACHE_FORKS", "100"))
_CHILD_SECONDS = 20
_MAX_PAUSE_SECONDS = 0.003


@dataclass(frozen=True)
class Outcome:
    """The fate of the children: how many were ended by their alarm, and how many failed."""

    n_forked: int
    n_hung: int
    n_failed: int


def fork_under_load(
    busy: Sequence[Callable[[], object]],
    child: Callable[[], object],
    *,
    n_forks: int = N_FORKS,
    seed: int = 1,
) -> Outcome:
    """Forks again and again while each of `busy` is called in a thread of its own; `child` runs in each child.

    It stops at the third child that hangs.
    """
    over = Event()
    errors: list[BaseException] = []

    def repeat(action: Callable[[], object]) -> None:
        try:
            while not over.is_set():
                action()
        except BaseException as error:
            errors.append(error)

    threads = [Thread(target=repeat, args=(action,), daemon=True) for action in busy]
    for thread in threads:
        thread.start()
    source = random.Random(seed)
    n_forked = n_hung = n_failed = 0
    try:
        while n_forked < n_forks and n_hung < 3:
            time.sleep(source.uniform(0, _MAX_PAUSE_SECONDS))
            status = os.waitpid(_forked(child), 0)[1]
            n_forked += 1
            n_hung += os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM
            n_failed += status != 0 and not os.WIFSIGNALED(status)
    finally:
        over.set()
        for thread in threads:
            thread.join(30)
    if errors:
        raise errors[0]
    return Outcome(n_forked, n_hung, n_failed)


def assert_no_child_hangs(
    busy: Sequence[Callable[[], object]], child: Callable[[], object], *, n_forks: int = N_FORKS
) -> None:
    """None hangs and none fails, and all were forked."""
    assert fork_under_load(busy, child, n_forks=n_forks) == Outcome(n_forks, 0, 0)


def _forked(child: Callable[[], object]) -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks in processes with threads
        pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(_CHILD_SECONDS)
        code = 1
        try:
            child()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return pid
