"""Pages of a server that are asked for all the time while what they show is edited, and what that found.

A page shows one `edition_N` of the DAG. Every answer says by `worker_header` which process gave it.
"""

from __future__ import annotations

import re
import statistics
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from threading import Event, Thread

WORKER_HEADER = Path(__file__).with_name("worker_header.py")
"""The plugin for the server whose pages are polled. To import it is for the host alone."""

_N_CLIENTS = 4
_PAUSE_SECONDS = 0.05
_TIMEOUT_SECONDS = 120.0
_PATIENCE_SECONDS = 180.0
_EDITION = re.compile(r"edition_(\d+)")


@dataclass(frozen=True, slots=True)
class Loads:
    """The loads of a worker up to an answer.

    Attributes:
        request: contents for which a request waited.
        background: contents that none waited for.
        seconds: how long requests waited, altogether.
    """

    request: int
    background: int
    seconds: float

    def __sub__(self, other: Loads) -> Loads:
        return Loads(
            self.request - other.request, self.background - other.background, self.seconds - other.seconds
        )

    def __add__(self, other: Loads) -> Loads:
        return Loads(
            self.request + other.request, self.background + other.background, self.seconds + other.seconds
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """One page, by the clock of the client."""

    sent_at: float
    answered_at: float
    path: str
    worker: str
    edition: int
    loads: Loads


@dataclass(frozen=True, slots=True)
class Polled:
    """Every answer of some seconds.

    Attributes:
        committed: the clock after each commit, by edition.
        before: what each worker had loaded when it began.
    """

    answers: Sequence[Answer]
    committed: Mapping[int, float]
    before: Mapping[str, Loads]

    def n_by_worker(self) -> Counter[str]:
        """How many answers each process gave."""
        return Counter(answer.worker for answer in self.answers)

    def steps_back(self) -> list[tuple[Answer, Answer]]:
        """(newer, older): the older one was sent for after the same worker had answered with the newer."""
        found = []
        for worker in self.n_by_worker():
            answers = [answer for answer in self.answers if answer.worker == worker]
            ended = iter(sorted(answers, key=lambda answer: answer.answered_at))
            newest, following = None, next(ended, None)
            for answer in sorted(answers, key=lambda answer: answer.sent_at):
                while following is not None and following.answered_at < answer.sent_at:
                    newest = following if newest is None or following.edition > newest.edition else newest
                    following = next(ended, None)
                if newest is not None and answer.edition < newest.edition:
                    found.append((newest, answer))
        return found

    def ages_when_sent(self) -> list[float]:
        """Seconds for which something newer than what it showed had been committed when a request was sent.

        The bound holds for these without any tolerance: a later look sees a later state.
        """
        return [self._age(answer, answer.sent_at) for answer in self.answers]

    def ages_when_answered(self) -> list[float]:
        """The same when the answer was there, so the request's own time is in it."""
        return [self._age(answer, answer.answered_at) for answer in self.answers]

    def _age(self, answer: Answer, at: float) -> float:
        replaced_at = self.committed.get(answer.edition + 1)
        return 0.0 if replaced_at is None else max(0.0, at - replaced_at)

    def loads(self) -> Loads:
        """Of all workers, since it began."""
        last: dict[str, Loads] = {}
        for answer in sorted(self.answers, key=lambda answer: answer.answered_at):
            last[answer.worker] = answer.loads
        return sum((last[worker] - self.before[worker] for worker in last), Loads(0, 0, 0.0))

    def described(self, title: str) -> str:
        """The figures, in a few lines."""
        seconds = [answer.answered_at - answer.sent_at for answer in self.answers]
        loads = self.loads()
        lines = (
            f"{len(self.answers)} answers by {sorted(self.n_by_worker().values())}, {len(self.committed)} editions",
            f"age when sent: {_spread(self.ages_when_sent())}",
            f"age when answered: {_spread(self.ages_when_answered())}",
            f"a request: {_spread(seconds)}",
            f"loads: {loads.request} by requests ({loads.seconds * 1e3:.0f} ms altogether), "
            f"{loads.background} in the background; steps back: {len(self.steps_back())}",
        )
        return "\n".join((title, *(f"  {line}" for line in lines)))


def _spread(values: Sequence[float]) -> str:
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return f"p50 {cuts[49]:.3f} s, p99 {cuts[98]:.3f} s, max {max(values):.3f} s"


class Pages:
    """A server's pages that show the DAG.

    Args:
        url: of the server.
        paths: what is asked for, in turn.
        headers: of every request.
        check: raises if the server has ended.
    """

    def __init__(
        self, url: str, paths: Sequence[str], headers: Mapping[str, str], check: Callable[[], None]
    ) -> None:
        self._url = url
        self._paths = paths
        self._headers = headers
        self._check = check

    def get(self, path: str) -> Answer:
        """One page. Raises OSError, of which HTTPError is one."""
        request = urllib.request.Request(self._url + path, headers=dict(self._headers))
        sent_at = time.monotonic()
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:
            body, headers = answer.read().decode(), answer.headers
        answered_at = time.monotonic()
        (edition,) = {int(found) for found in _EDITION.findall(body)}
        n_request, n_background, seconds = headers["X-Loads"].split()
        loads = Loads(int(n_request), int(n_background), float(seconds))
        return Answer(sent_at, answered_at, path, headers["X-Worker"], edition, loads)

    def wait_for_workers(self, n_workers: int) -> dict[str, Loads]:
        """The loads of each worker, after each has answered for every page."""
        seen: dict[tuple[str, str], Loads] = {}
        end = time.monotonic() + _PATIENCE_SECONDS
        for path in cycle(self._paths):
            try:
                answer = self.get(path)
            except (urllib.error.URLError, ConnectionError) as error:
                if isinstance(error, urllib.error.HTTPError) and error.code not in (404, 503):
                    raise AssertionError(f"{path}: {error.code} {error.read()[:500]!r}") from error
                time.sleep(0.3)
            else:
                seen[answer.worker, path] = answer.loads
            if len(seen) == n_workers * len(self._paths):
                break
            self._check()
            assert time.monotonic() < end, f"only {sorted(seen)}"
        return {worker: loads for (worker, _), loads in seen.items()}

    def poll(
        self,
        seconds: float,
        edit: Callable[[int], float],
        before: Mapping[str, Loads],
        every_seconds: float = 1.0,
    ) -> Polled:
        """Asks for the pages for so long, and until every worker has answered, while the DAG is edited.

        Args:
            edit: commits the edition with this number; the clock after that. The first is 1.
            before: what each worker has loaded so far.
        """
        answers: list[Answer] = []
        errors: list[BaseException] = []
        over = Event()

        def ask(first: int) -> None:
            paths = cycle((*self._paths[first:], *self._paths[:first]))
            try:
                while not over.is_set():
                    answers.append(self.get(next(paths)))
                    over.wait(_PAUSE_SECONDS)
            except BaseException as error:
                errors.append(error)

        clients = [Thread(target=ask, args=(n % len(self._paths),)) for n in range(_N_CLIENTS)]
        begun = time.monotonic()
        committed: dict[int, float] = {}
        try:
            for client in clients:
                client.start()
            while time.monotonic() < begun + seconds or {answer.worker for answer in answers} < before.keys():
                number = len(committed) + 1
                committed[number] = edit(number)
                over.wait(max(0.0, begun + number * every_seconds - time.monotonic()))
                self._check()
                assert not errors, errors
                assert time.monotonic() < begun + seconds + _PATIENCE_SECONDS, "a worker never answers"
        finally:
            over.set()
            for client in clients:
                client.join()
        assert not errors, errors
        return Polled(answers, committed, before)
