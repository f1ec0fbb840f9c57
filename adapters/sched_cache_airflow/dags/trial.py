"""Tries to deserialize everything that the host could fail to deserialize, before a DAG object is handed out.

Our objects deserialize a field when code reads it for the first time. The host deserializes a whole DAG inside a `try`
of its own, logs the error and continues with the next DAG. Therefore everything that can fail is tried here, while the
host is still inside that `try`. A DAG that fails takes the host's own path, which raises the host's own error.

Deserializing everything would take as long as the host takes. Three observations make it cheap:

- Values repeat. It is enough to deserialize a few tasks that together have every distinct value that can fail, and each
  field both present and missing (`representatives.py`).
- A document that one process has deserialized fails in another process of the same release only if that process lacks
  something: a plugin, a library, a time zone. If only hot fields of a content can fail for such a reason, the process
  that encodes it labels the content with the release, and every other process tries only the hot fields.
- Columns repeat, too. Bytes that were tried once are not tried again.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from sched_cache.format import ABSENT, CompactDag
from sched_cache_airflow.dags.handling import Handling, handling_of
from sched_cache_airflow.dags.representatives import representatives
from sched_cache_airflow.hosts.contract import HostDag, HostFields

LABEL = "deserialized_by"
_LINKS = "_operator_extra_links"
_REFERENCES = ("expand_input", "op_kwargs_expand_input")
"""Fields that the host resolves after it has created the whole DAG."""
_ENVELOPE = {"__type": "operator"}
_MAX_REMEMBERED = 10_000


class NotLikeTheHostError(Exception):
    """The host deserializes this document to something else than our objects would."""


class Trial:
    """The values that this process has tried so far. Thread-safe: two threads may try the same value."""

    def __init__(self, fields: HostFields) -> None:
        self._fields = fields
        self._passed: set[Any] = set()
        self._handlings: dict[str, Handling] = {}

    def check(self, dag: HostDag) -> None:
        """Returns if everything of the DAG can be deserialized here.

        Raises:
            Whatever the host raises, or NotLikeTheHostError.
        """
        compact, with_links = dag.compact, dag._columns.load_op_links
        if compact.label(LABEL) in self._labels(with_links):
            self._try_hot_columns(dag)
        else:
            name = (compact.content_hash, with_links)
            if compact.content_hash is None or name not in self._passed:
                self._try_everything(dag, compact.serialized_fields())
                self._remember(name)
        dag.read_hot_fields()

    def label(self, dag: HostDag, document: Mapping[str, Any]) -> str | None:
        """The label of a content of which other processes need to try only the hot fields; None for any other.

        Args:
            document: the source of `dag`.

        Raises:
            Whatever the host raises, or NotLikeTheHostError.
        """
        compact = dag.compact
        fields = {name: value for name, value in document["dag"].items() if name != "tasks"}
        self._try_everything(dag, fields)
        cold = [compact.column(name).table for name in compact.cold_column_names if name != _LINKS]
        values = [*cold, *(fields[name] for name in compact.cold_field_names if name in fields)]
        if not all(map(self._is_portable, values)) or not self._is_tree_portable(compact):
            return None
        names = {"task_type", "_task_type"}, {"_task_module"}
        columns = compact.hot_column_names | compact.cold_column_names
        has_names = all(
            any(name in columns and ABSENT not in compact.column(name).table for name in spellings)
            for spellings in names
        )
        links = compact.column(_LINKS).table if _LINKS in columns else ()
        if has_names and all(value is ABSENT or self._fields.are_links_portable(value) for value in links):
            return f"{self._fields.release} links"
        return self._fields.release

    def _labels(self, with_links: bool) -> tuple[str, ...]:
        release = self._fields.release
        return (f"{release} links",) if with_links else (f"{release} links", release)

    # What can fail

    def _try_everything(self, dag: HostDag, fields: Mapping[str, Any]) -> None:
        """Has the host deserialize every distinct value of the DAG. fields: the document without its tasks."""
        compact, columns = dag.compact, dag._columns
        if any(envelope is not ABSENT and envelope != _ENVELOPE for envelope in compact.envelopes().table):
            raise NotLikeTheHostError("a task stands in an envelope that the host passes over")
        dag._deserialize({name: value for name, value in fields.items() if name != dag._tree_field})
        self._refuse_templated(compact)
        self._try_hot_columns(dag)
        indices = sorted(representatives(compact, self._handling))
        tasks = _Tasks(dag)
        for document in columns.serialized_tasks(indices):
            dag._deserialize_task(document)
        for name in _REFERENCES:
            for value in compact.column(name).table:
                if value is not ABSENT:
                    dag._reference(*self._fields.attempt(name, value)).deref(tasks)
        if dag._tree_field in fields:
            tree = fields[dag._tree_field]
            dag._deserialize_tree(tree, dict.fromkeys(compact.task_ids, _Task()), tasks)

    def _refuse_templated(self, compact: CompactDag) -> None:
        """The host leaves a template field as it is, whereas our columns decode it by its name alone."""
        for templated in compact.column("template_fields").table:
            for name in templated if isinstance(templated, list) else ():
                if not isinstance(name, str) or (
                    name in compact.hot_column_names and self._is_fallible(name)
                ):
                    raise NotLikeTheHostError(f"the template field {name!r} is one that the host decodes")

    def _try_hot_columns(self, dag: HostDag) -> None:
        compact = dag.compact
        for name in compact.hot_column_names:
            if self._is_fallible(name):
                packed = compact.packed_column(name)
                seen = None if packed is None else (name, _short(packed))
                if seen is None or seen not in self._passed:
                    for value in compact.column(name).table:
                        if value is not ABSENT:
                            self._fields.attempt(name, value)
                    if seen is not None:
                        self._remember(seen)
        defaults = dag._columns.client_defaults.get("tasks")
        if defaults:
            tried = ("client_defaults", repr(defaults))
            if tried not in self._passed:
                for field, value in defaults.items():
                    self._fields.attempt(field, value)
                self._remember(tried)

    def _handling(self, name: str) -> Handling:
        found = self._handlings.get(name)
        if found is None:
            if len(self._handlings) > _MAX_REMEMBERED:
                self._handlings.clear()
            found = self._handlings[name] = handling_of(self._fields.attempt, name)
        return found

    def _is_fallible(self, name: str) -> bool:
        return not self._handling(name).takes_any

    def _is_portable(self, value: Any) -> bool:
        """Whether every process of this release can create all objects in the value."""
        kind = type(value)
        if kind is list:
            return all(map(self._is_portable, value))
        if kind is dict:
            if value.get("__type", "dict") not in self._fields.portable_types:
                return False
            if value.get("__class", _PARAMS[0]) not in _PARAMS:
                return False
            return all(map(self._is_portable, value.values()))
        return True

    def _is_tree_portable(self, compact: CompactDag) -> bool:
        groups = compact.groups()
        if groups is None:
            return True  # then it is among the cold fields
        column = groups.columns.get("expand_input")
        return column is None or self._is_portable([value for value in column.table if value is not ABSENT])

    def _remember(self, name: Any) -> None:
        if len(self._passed) > _MAX_REMEMBERED:
            self._passed.clear()
        self._passed.add(name)


_PARAMS = ("airflow.models.param.Param", "airflow.sdk.definitions.param.Param")


def _short(packed: bytes) -> bytes:
    return packed if len(packed) <= 64 else blake2b(packed, digest_size=16).digest()


class _Task:
    """A placeholder for any task of the DAG, for code of the host that assigns groups or refers to tasks."""

    task_group: Any = None
    task_id = "any"


class _Tasks:
    """A placeholder for the DAG, in which the host finds tasks without any operator being created."""

    def __init__(self, dag: HostDag) -> None:
        self._dag = dag

    def get_task(self, task_id: str, include_subdags: bool = False) -> Any:
        """A placeholder, if the DAG has a task of this name. Otherwise raises the error of the host."""
        if self._dag.has_task(task_id):  # type: ignore[attr-defined]  # of every DAG
            return _Task()
        return self._dag.get_task(task_id)  # type: ignore[attr-defined]  # raises

    def __getattr__(self, name: str) -> Any:
        return getattr(self._dag, name)
