"""The form of a DAG in a 1.10 scheduler.

Source: `SimpleDag` of Airflow 1.10.15, utils/dag_processing.py.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

from sched_cache.errors import FormatError
from sched_cache.format import ABSENT, CompactDag, compress, decompress
from sched_cache.format.columns import numbers_in, pack_numbers
from sched_cache.format.messagepack import pack, unpack
from sched_cache_airflow.simple_dag.unpicklable import Unpicklable

DEFAULT_CONCURRENCY: Final = 16
"""`[core] dag_concurrency` of 1.10, later `max_active_tasks_per_dag`. Documents omit the default of their writer."""

_VERSION: Final = 1
_MAX_BYTES: Final = 1 << 26
_CONCURRENCY_NAMES: Final = ("max_active_tasks", "_max_active_tasks", "_concurrency", "concurrency")


class SimpleDag(Unpicklable):
    """A DAG's id, file, task ids and limits.

    Args:
        dag: a compact DAG, whose task ids are shared; or any object with the attributes of a 1.10 DAG
            (dag_id, tasks, full_filepath, concurrency).
        pickle_id: the id under which the executor finds the DAG's pickle, if there is one.
        default_concurrency: for a compact DAG without a value.
    """

    __slots__ = ("_concurrency", "_dag_id", "_full_filepath", "_pickle_id", "_task_ids", "_task_special_args")

    def __init__(
        self, dag: Any, pickle_id: Any = None, *, default_concurrency: int = DEFAULT_CONCURRENCY
    ) -> None:
        self._pickle_id = pickle_id
        self._dag_id: str = dag.dag_id
        self._task_ids: list[str]
        if isinstance(dag, CompactDag):
            self._task_ids = list(dag.task_ids)
            self._full_filepath = dag.field("fileloc")
            found = (dag.field(name) for name in _CONCURRENCY_NAMES)
            self._concurrency = next((limit for limit in found if limit is not None), default_concurrency)
            limits = zip(dag.task_ids, dag.column("max_active_tis_per_dag"), strict=True)
        else:
            self._task_ids = [task.task_id for task in dag.tasks]
            self._full_filepath = dag.full_filepath
            self._concurrency = dag.concurrency
            limits = zip(self._task_ids, (task.task_concurrency for task in dag.tasks), strict=True)
        self._task_special_args: dict[str, dict[str, Any]] = {
            task_id: {"task_concurrency": limit}
            for task_id, limit in limits
            if limit is not None and limit is not ABSENT
        }

    @property
    def dag_id(self) -> str:
        """The DAG's id."""
        return self._dag_id

    @property
    def task_ids(self) -> list[str]:
        """The ids of its tasks, in the DAG's order. Do not change the list."""
        return self._task_ids

    @property
    def full_filepath(self) -> Any:
        """The absolute path of the file that defines the DAG."""
        return self._full_filepath

    @property
    def concurrency(self) -> Any:
        """How many of its task instances may run at a time."""
        return self._concurrency

    @property
    def pickle_id(self) -> Any:
        """The id of the DAG's pickle in Airflow's database; None if it has none."""
        return self._pickle_id

    @property
    def task_special_args(self) -> dict[str, dict[str, Any]]:
        """task id -> {"task_concurrency": limit}, of the tasks that have a limit of their own."""
        return self._task_special_args

    def get_task_special_arg(self, task_id: str, special_arg_name: str) -> Any:
        """The limit of this name; None if the task has none or is unknown."""
        return self._task_special_args.get(task_id, {}).get(special_arg_name)

    def pack(self) -> bytes:
        """All of it as bytes: one MessagePack array, compressed.

        Raises:
            TypeError: the pickle id is neither None, a number nor a string.
        """
        place_of = {task_id: index for index, task_id in enumerate(self._task_ids)}
        limited = [(place_of[task_id], args) for task_id, args in self._task_special_args.items()]
        indices = [index for index, _ in limited]
        limits = [args["task_concurrency"] for _, args in limited]
        head = [_VERSION, self._dag_id, self._full_filepath, self._concurrency, self._pickle_id]
        return compress(
            pack([*head, self._task_ids, pack_numbers(indices, max(indices, default=0)), limits]), min_bytes=0
        )

    @classmethod
    def unpack(cls, data: bytes, max_bytes: int = _MAX_BYTES) -> SimpleDag:
        """The DAG in `data`, which `pack` returned.

        Raises:
            FormatError: not such bytes, or more than `max_bytes` when unpacked.
        """
        fields = unpack(decompress(data, max_bytes), "a simple DAG")
        if not isinstance(fields, list) or len(fields) != 8:
            raise FormatError("a simple DAG is not an array of eight")
        version, dag_id, path, concurrency, pickle_id, task_ids, packed_indices, limits = fields
        if version != _VERSION or type(version) is not int:
            raise FormatError(f"a simple DAG has another version than {_VERSION}")
        if type(dag_id) is not str or not isinstance(task_ids, list) or set(map(type, task_ids)) - {str}:
            raise FormatError("a simple DAG begins with other types than its id and those of its tasks")
        if type(path) not in (str, type(None)) or type(pickle_id) not in (str, int, type(None)):
            raise FormatError("the file or the pickle of a simple DAG is not named by a string or number")
        if not isinstance(limits, list) or set(map(type, [concurrency, *limits])) - {int, float}:
            raise FormatError("a limit of a simple DAG is not a number")
        indices = list(numbers_in(packed_indices, len(limits), len(task_ids), "limited tasks"))
        if any(later <= earlier for earlier, later in pairwise(indices)):
            raise FormatError("the limited tasks of a simple DAG are not in order")
        simple_dag = cls.__new__(cls)
        simple_dag._dag_id, simple_dag._task_ids = dag_id, task_ids
        simple_dag._full_filepath, simple_dag._pickle_id = path, pickle_id
        simple_dag._concurrency = concurrency
        simple_dag._task_special_args = {
            task_ids[index]: {"task_concurrency": limit} for index, limit in zip(indices, limits, strict=True)
        }
        return simple_dag
