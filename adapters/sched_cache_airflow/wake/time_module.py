"""The name `time` in the module of the scheduler: the module of the standard library, with another `sleep`.

`time.sleep` itself stays as it is, for the host's other modules and for everything else in the process.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from sched_cache_airflow.patching.guard import IDLE_SLEEP, Note, guard
from sched_cache_airflow.wake.nap import Nap


class TimeModule(ModuleType):
    """Every other name is that of the module it stands for.

    Args:
        nap: returns the sleeps of the scheduler of this process. Any error of theirs leads to the host's own sleep.
        note: counts such an error.
    """

    def __init__(self, module: ModuleType, nap: Callable[[], Nap], note: Note) -> None:
        super().__init__(module.__name__, module.__doc__)
        own = vars(self)
        for name in ("__loader__", "__package__", "__spec__"):  # None in a new module
            del own[name]
        own["__wrapped__"] = module
        own["sleep"] = _sleep(module, nap, note)

    def __getattr__(self, name: str) -> Any:
        return getattr(vars(self)["__wrapped__"], name)

    def __dir__(self) -> list[str]:
        return dir(vars(self)["__wrapped__"])


def _sleep(module: Any, nap: Callable[[], Nap], note: Note) -> Callable[[float], None]:
    def sleep(seconds: float, /) -> None:
        """See `time.sleep`."""
        if not isinstance(seconds, int | float) or not seconds > 0:
            return module.sleep(seconds)  # type: ignore[no-any-return]  # with the errors of the module
        until = module.monotonic() + seconds
        with guard(IDLE_SLEEP, note):
            ours = nap()
            if ours.is_in_charge():
                return ours.sleep(seconds)
        return module.sleep(max(0.0, until - module.monotonic()))  # type: ignore[no-any-return]

    return sleep
