"""A decoded DAG: columns over immutable bytes, each section unpacked on first use."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from threading import RLock
from typing import Any
from weakref import WeakValueDictionary

from sched_cache import fork
from sched_cache.errors import ColdPartMissingError, FormatError
from sched_cache.format.cold_part import ColdPart, decode_cold
from sched_cache.format.columns import ABSENT, Column, constant_column, decode_column, packed_columns_in
from sched_cache.format.document import task_defaults_of
from sched_cache.format.excerpt import excerpt
from sched_cache.format.fields import OLDER_TASK_NAMES, PARTIAL_PREFIX, RESCHEDULE_DEP, TASK_DEFAULTS
from sched_cache.format.graph import Adjacency, decode_graph
from sched_cache.format.groups import Groups, decode_groups
from sched_cache.format.header import HOT, body_of, content_hash_of, part_digest
from sched_cache.format.kept_cold import KeptCold
from sched_cache.format.messagepack import check_json, unpack
from sched_cache.format.resident import resident_bytes
from sched_cache.format.restore import restore_dag_fields, restore_document, restore_tasks
from sched_cache.format.task import CompactTask

ColdSource = bytes | Callable[[], bytes | None] | None

_FEW_TASKS = 8
_FREE_SCANS = 2
_EMPTY_STRING_BYTES = sys.getsizeof("")
_BYTES_OF_NO_TASKS, _BYTES_PER_TASK = 800, 260
"""Memory of the weak mapping of tasks, and its growth for each task object that is in use."""
_BYTES_OR_NONE = (bytes, type(None))
_shared_indices: list[int] = []
"""0, 1, 2, ...: one integer object per index, shared by all DAGs of the process."""

_making_a_task = RLock()
"""Guards the creation of tasks: two threads that ask at once must get the same object. Held for nothing else."""


class _MakingATask:
    """Replaces the lock in a forked child. The first DAG that creates a task registers it."""

    def reset_after_fork(self) -> None:
        global _making_a_task
        _making_a_task = RLock()


_making = _MakingATask()


def _indices(n_tasks: int) -> list[int]:
    global _shared_indices
    indices = _shared_indices
    if len(indices) < n_tasks:
        # A new list: two threads that extend one list at once would both append the same numbers.
        _shared_indices = indices = [*indices, *range(len(indices), n_tasks)]
    return indices


class CompactDag:
    """One immutable DAG. Sections of the hot part are unpacked on first use; the cold part is fetched on first use.

    Thread-safe: two threads that ask at once may both unpack a section, and either result may be kept.

    n_tasks: the number of tasks.
    """

    __slots__ = (
        "__weakref__",
        "_adjacency",
        "_cold",
        "_cold_digest",
        "_columns",
        "_derived",
        "_fields",
        "_fields_bytes",
        "_groups",
        "_ids_bytes",
        "_index_of",
        "_n_scans",
        "_packed",
        "_task_ids",
        "_tasks",
        "content_hash",
        "dag_id",
        "n_tasks",
    )

    def __init__(self, body: Any, cold: ColdSource, content_hash: str | None) -> None:
        try:
            dag_id, n_tasks, ids, cold_digest, fields, columns, graph, groups = body
        except (TypeError, ValueError):
            raise FormatError("hot body is not an array of eight") from None
        if not (type(dag_id) is str and type(n_tasks) is int and type(cold_digest) is bytes):
            raise FormatError("hot body has other types than dag_id, number of tasks, digest")
        if not (type(ids) is type(fields) is type(columns) is type(graph) is bytes):
            raise FormatError("a section of the hot body is not a byte string")
        if type(groups) not in _BYTES_OR_NONE:
            raise FormatError("the groups of the hot body are not a byte string")
        if not 0 <= n_tasks < max(len(ids), 1):  # each id takes at least a byte, and so does their number
            raise FormatError(f"hot body has {len(ids)} bytes for the ids of {excerpt(n_tasks)} tasks")
        self.dag_id: str = dag_id
        self.n_tasks: int = n_tasks
        self._task_ids: tuple[str, ...] | None = None
        self._ids_bytes: int | None = None
        self.content_hash = content_hash
        self._cold_digest = cold_digest
        self._cold: ColdSource | ColdPart = cold
        self._packed: tuple[bytes, bytes, bytes, bytes | None, bytes] = (fields, columns, graph, groups, ids)
        self._index_of: dict[str, int] | None = None
        self._n_scans = _FREE_SCANS
        self._fields: dict[str, Any] | None = None
        self._fields_bytes = 0
        self._columns: dict[str, bytes | Column] | None = None
        self._derived: dict[str, bytes | Column] | None = None
        self._adjacency: tuple[Adjacency, Adjacency] | None = None
        self._groups: Groups | None = None
        self._tasks: WeakValueDictionary[int, CompactTask] | None = None

    def __repr__(self) -> str:
        return f"CompactDag({self.dag_id!r}, n_tasks={self.n_tasks})"

    # Tasks and their dependencies

    @property
    def task_ids(self) -> tuple[str, ...]:
        """n_tasks strings in the order of the document; the *index* of a task is its position there.

        A tuple, which the garbage collector does not track. Cost: the first use unpacks it, 25 ns per task.
        """
        task_ids = self._task_ids
        return task_ids if task_ids is not None else self._unpack_task_ids()

    def _unpack_task_ids(self) -> tuple[str, ...]:
        task_ids = unpack(self._packed[4], "task ids", use_list=False)
        if type(task_ids) is not tuple or len(task_ids) != self.n_tasks:
            raise FormatError(f"the task ids are not an array of {self.n_tasks}")
        try:
            joined = "".join(task_ids)  # the fastest check that all of them are strings
        except TypeError:
            raise FormatError("a task id is not a string") from None
        # The size is known here at no cost; `nbytes` would have to examine each of them.
        if joined.isascii():
            self._ids_bytes = sys.getsizeof(joined) + (len(task_ids) - 1) * _EMPTY_STRING_BYTES
        self._task_ids = task_ids
        return task_ids

    def index(self, task_id: str) -> int:
        """The position of `task_id` in `task_ids`.

        Raises:
            KeyError: the DAG has no such task.
        """
        index_of = self._index_of
        if index_of is None:
            task_ids = self.task_ids
            if self._n_scans > 0 or len(task_ids) <= _FEW_TASKS:
                # A scan costs a fraction of building the index, and most loads are followed by one or two look-ups.
                self._n_scans -= 1
                try:
                    return task_ids.index(task_id)
                except ValueError:
                    raise KeyError(task_id) from None
            index_of = self._index_of = self._build_index()
        return index_of[task_id]

    def _build_index(self) -> dict[str, int]:
        index_of = dict(zip(self.task_ids, _indices(self.n_tasks), strict=False))
        if len(index_of) != self.n_tasks:
            raise FormatError("a task id occurs twice")
        return index_of

    def upstream(self, index: int) -> memoryview[int]:
        """Indices of the direct upstream tasks, ascending, read in place."""
        return (self._adjacency or self._unpack_graph())[1][index]

    def downstream(self, index: int) -> memoryview[int]:
        """Indices of the direct downstream tasks in the order of the document, read in place."""
        return (self._adjacency or self._unpack_graph())[0][index]

    def _unpack_graph(self) -> tuple[Adjacency, Adjacency]:
        self._adjacency = adjacency = decode_graph(self._packed[2], self.n_tasks)
        return adjacency

    def task(self, task_id: str) -> CompactTask:
        """The task as an object with attributes: the same object as long as it is referenced.

        The DAG holds no strong reference to it, because the cycle would keep both alive until the next garbage
        collection.

        Raises:
            KeyError: the DAG has no such task.
        """
        index = self.index(task_id)
        tasks = self._tasks
        task = tasks.get(index) if tasks is not None else None
        if task is None:
            if tasks is None:
                fork.register(_making)
            with _making_a_task:
                if self._tasks is None:
                    self._tasks = WeakValueDictionary()
                task = self._tasks.get(index)
                if task is None:
                    task = self._tasks[index] = CompactTask(self, index)
        return task

    # Fields

    def packed_column(self, name: str) -> bytes | None:
        """The bytes of a hot column that is not unpacked yet; equal bytes mean equal columns. None for others."""
        columns = self._columns
        if columns is None:
            columns = self._unpack_columns()
        found = columns.get(name)
        return found if type(found) is bytes else None

    def column(self, name: str) -> Column:
        """One field of all tasks as the document has it; every row is `ABSENT` if no task has it.

        The `partial_kwargs` of mapped tasks are columns named `partial_kwargs.FIELD`. A field with another name in
        older documents is found under its present name. Cost: a look-up; the first use of a column unpacks it.
        """
        columns = self._columns
        if columns is None:
            columns = self._unpack_columns()
        found = columns.get(name)
        if type(found) is bytes:
            found = columns[name] = decode_column(found, self.n_tasks, name)
        if found is not None:
            return found  # type: ignore[return-value]  # bytes were decoded above
        if name in self._section("cold_task", list):
            return self._cold_part().column(name)
        prefix = PARTIAL_PREFIX if name.startswith(PARTIAL_PREFIX) else ""
        for older in OLDER_TASK_NAMES.get(name.removeprefix(prefix), ()):
            if prefix + older in columns or prefix + older in self._section("cold_task", list):
                return self.column(prefix + older)
        return constant_column(ABSENT, self.n_tasks)

    def value(self, index: int, name: str, default: Any = None) -> Any:
        """The field `name` of one task as the document has it, `default` if the task has none."""
        value = self.column(name)[index]
        return default if value is ABSENT else value

    def effective(self, index: int, name: str) -> Any:
        """The field `name` of one task as the host sees it, in its serialized form.

        The task's own value, else that of its `partial_kwargs`, else the document's `client_defaults`, else
        the schema's default; `ABSENT` if none of them has it.
        """
        value = self.column(name)[index]
        if value is ABSENT:
            value = self.column(PARTIAL_PREFIX + name)[index]
        if value is ABSENT:
            value = task_defaults_of(self._section("outer", dict)).get(name, ABSENT)
        if value is ABSENT and name == "_needs_expansion":  # never written for a mapped task, nor by 2.6
            in_mapped_group = self.derived_column("mapped_group")[index] is not ABSENT
            return in_mapped_group or self.column("_is_mapped")[index] is True
        if value is ABSENT and name == "_is_sensor":  # version 1 expresses it by the dependencies of the task
            deps = self.column("deps")[index]
            return isinstance(deps, list) and RESCHEDULE_DEP in deps
        if value is ABSENT:
            value = TASK_DEFAULTS.get(name, ABSENT)
        return value

    def field(self, name: str, default: Any = None) -> Any:
        """A field of the DAG itself in its serialized form, `default` if the document has none."""
        fields = self._section("dag", dict)
        if name in fields:
            return fields[name]
        if name in self._section("cold_dag", list):
            return self._cold_part().dag_fields.get(name, default)
        return default

    def outer(self, name: str) -> Any:
        """The value of the key `name` beside `dag` in the document, such as `__version`; None if there is none."""
        return self._section("outer", dict).get(name)

    def label(self, name: str) -> str | None:
        """A label that was given to the encoder; None if there was none."""
        if "labels" not in (self._fields or self._unpack_fields()):
            return None
        label = self._section("labels", dict).get(name)
        if label is not None and type(label) is not str:
            raise FormatError(f"label {name} is a {type(label).__name__}")
        return label

    @property
    def serialized_version(self) -> Any:
        """`__version` of the document: 1, 2 or 3 so far; None if it has none."""
        return self.outer("__version")

    @property
    def hot_column_names(self) -> frozenset[str]:
        """The hot fields that at least one task has."""
        return frozenset(self._columns if self._columns is not None else self._unpack_columns())

    @property
    def cold_column_names(self) -> frozenset[str]:
        """The cold fields that at least one task has. Does not need the cold part."""
        return frozenset(self._section("cold_task", list))

    @property
    def cold_field_names(self) -> frozenset[str]:
        """The cold fields that the DAG itself has. Does not need the cold part."""
        return frozenset(self._section("cold_dag", list))

    def hot_fields(self) -> dict[str, Any]:
        """The hot fields of the DAG itself, in serialized form. Do not change them."""
        fields: dict[str, Any] = self._section("dag", dict)
        return fields

    def derived_column(self, name: str) -> Column:
        """A derived field of all tasks (see `derived.Derived`); every row is `ABSENT` if it was not derived."""
        if self._derived is None:
            self._unpack_columns()
        derived = self._derived or {}
        found = derived.get(name)
        if type(found) is bytes:
            found = derived[name] = decode_column(found, self.n_tasks, name)
        return found if found is not None else constant_column(ABSENT, self.n_tasks)  # type: ignore[return-value]

    def derived_value(self, name: str) -> Any:
        """A derived value of the DAG (see `derived.Derived`); `ABSENT` if it was not derived."""
        return self._section("derived", dict).get(name, ABSENT)

    def groups(self) -> Groups | None:
        """The task groups in pre-order, the root first; None if the document has no regular tree."""
        if self._groups is None and self._packed[3] is not None:
            self._groups = decode_groups(self._packed[3])
        return self._groups

    # The cold part

    @property
    def cold_digest(self) -> str:
        """The name of the cold part that belongs to this hot part: 32 lower-case hexadecimal digits."""
        return self._cold_digest.hex()

    def _cold_part(self) -> ColdPart:
        cold = self._cold
        if isinstance(cold, ColdPart):
            return cold
        part = cold() if callable(cold) else cold
        if part is None:
            raise ColdPartMissingError(self.dag_id)
        if part_digest(part) != self._cold_digest:
            raise FormatError("this cold part belongs to another content: its digest does not match")
        self._cold = decoded = decode_cold(part, self.n_tasks)
        return decoded

    def keep_cold(self, part: bytes, *, is_checked: bool = False) -> None:
        """Keeps the cold part in this object, so that no tier is asked for it any more.

        `is_checked`: the caller has verified that `part` has the digest that the hot part names.

        Raises:
            FormatError: `part` is the cold part of another content.
        """
        if not is_checked and part_digest(part) != self._cold_digest:
            raise FormatError("this cold part belongs to another content: its digest does not match")
        if not self.keeps_cold:
            self._cold = KeptCold(part)

    @property
    def keeps_cold(self) -> bool:
        """Whether the cold part is in memory."""
        return isinstance(self._cold, (KeptCold, ColdPart, bytes))

    def envelopes(self) -> Column:
        """The envelope around each task in the document, `ABSENT` for a task without one."""
        return self._cold_part().structure("envelope")

    def hot_sections(self) -> tuple[dict[str, Any], dict[str, Column], dict[str, Any]]:
        """The hot ones of (fields of the DAG, columns of its tasks, keys beside `dag`)."""
        columns = self._columns if self._columns is not None else self._unpack_columns()
        named = {name: self.column(name) for name in columns}
        return self._section("dag", dict), named, self._section("outer", dict)

    def to_serialized(self) -> dict[str, Any]:
        """A document equal to the encoded one, which shares only immutable values with this object.

        Raises:
            ColdPartMissingError: the cold part is not available.
        """
        return restore_document(self, self._cold_part())

    def serialized_task(self, index: int) -> dict[str, Any]:
        """One element of the document's `tasks`, as in `to_serialized`."""
        return self.serialized_tasks([index])[0]

    def serialized_tasks(self, indices: Sequence[int]) -> list[dict[str, Any]]:
        """Some elements of the document's `tasks`, as in `to_serialized`."""
        return restore_tasks(self, self._cold_part(), indices)

    def serialized_fields(self) -> dict[str, Any]:
        """The document's `dag` without its `tasks`, as in `to_serialized`."""
        return restore_dag_fields(self, self._cold_part())

    # Sections

    def _section(self, name: str, kind: type[Any]) -> Any:
        section = (self._fields or self._unpack_fields()).get(name)
        if type(section) is not kind:
            raise FormatError(f"fields.{name} is a {type(section).__name__}, expected a {kind.__name__}")
        return section

    def _unpack_fields(self) -> dict[str, Any]:
        fields = unpack(self._packed[0], "fields")
        if not isinstance(fields, dict):
            raise FormatError("fields is not a mapping")
        check_json([fields], "fields")
        for names in (fields.get("cold_dag"), fields.get("cold_task")):
            if type(names) is list and set(map(type, names)) - {str}:
                raise FormatError("the name of a cold field is not a string")
        self._fields = fields
        return fields

    def _unpack_columns(self) -> dict[str, bytes | Column]:
        sections = unpack(self._packed[1], "columns")
        if not isinstance(sections, list) or len(sections) != 2:
            raise FormatError("columns is not a pair")
        columns: dict[str, bytes | Column] = packed_columns_in(sections[0], "tasks")
        self._derived = packed_columns_in(sections[1], "derived fields")
        self._columns = columns
        return columns

    @property
    def packed_nbytes(self) -> int:
        """Resident bytes before anything is unpacked: the minimum of `nbytes`. Takes no time."""
        size = sys.getsizeof(self) + 16 + sys.getsizeof(self._packed) + 16
        size += sum(map(sys.getsizeof, self._packed))
        return size + sys.getsizeof(self.dag_id) + sys.getsizeof(self._cold_digest)

    @property
    def nbytes(self) -> int:
        """Resident bytes, including the sections unpacked so far. Grows with use: ask again after the first accesses.

        Cost: a pass over the unpacked sections, and over task ids that are not ASCII. The index objects that all
        DAGs share and the source of the cold part are not counted.
        """
        task_ids = self._task_ids
        if task_ids is None:
            size = 0
        elif self._ids_bytes is None:
            size = resident_bytes(task_ids)
        else:
            size = sys.getsizeof(task_ids) + 16 + self._ids_bytes
        size += self.packed_nbytes
        if self._fields is not None:
            # Measured once: they do not change.
            size += self._fields_bytes or self._measure_fields(self._fields)
        for columns in (self._columns, self._derived):
            if columns:
                size += resident_bytes(columns)
                size += sum(column.nbytes for column in list(columns.values()) if isinstance(column, Column))
        if self._index_of is not None:
            size += sys.getsizeof(self._index_of)
        if self._adjacency is not None:
            size += sum(adjacency.nbytes for adjacency in self._adjacency)
        if self._tasks is not None:
            size += _BYTES_OF_NO_TASKS + _BYTES_PER_TASK * len(self._tasks)
        if self._groups is not None:
            size += self._groups.nbytes
        if isinstance(self._cold, (ColdPart, KeptCold)):
            size += self._cold.nbytes
        return size

    def _measure_fields(self, fields: dict[str, Any]) -> int:
        self._fields_bytes = size = resident_bytes(fields)
        return size


def decode_dag(
    hot: bytes,
    cold: ColdSource = None,
    *,
    content_hash: str | None = None,
    is_checked: bool = False,
) -> CompactDag:
    """The DAG in `hot`.

    Args:
        hot: the hot part, header included.
        cold: the cold part, a function that fetches it on first use (None: not available), or None.
        content_hash: if given, `hot` must have this hash.
        is_checked: the caller has verified that `hot` has this hash.

    Raises:
        FormatError: not a hot part that this reader knows, damaged, or with another hash.
    """
    if content_hash is not None and not is_checked:
        if content_hash_of(hot) != content_hash:
            raise FormatError(f"content hash is {content_hash_of(hot)}, expected {content_hash}")
        is_checked = True
    return CompactDag(unpack(body_of(hot, HOT, is_checked=is_checked), "hot body"), cold, content_hash)
