"""The common part of the operators of both hosts: their fields, and relatives that are read from index arrays."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from copy import deepcopy
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ClassVar

from sched_cache_airflow.dags.operator_fields import (
    Cold,
    Date,
    Field,
    Flag,
    Hot,
    OfTaskGroup,
    RelativeIds,
    StartTriggerArgs,
)
from sched_cache_airflow.dags.task_columns import TaskColumns
from sched_cache_airflow.hosts.contract import HostFields

_LINKS = "_operator_extra_links"
_OF_TASK = ("start_date", "end_date", "upstream_task_ids", "downstream_task_ids")
"""The attributes that the host sets after it has read the document of a task."""
_OF_DAG = frozenset(("dag", "_dag", "task_group", "_log"))
"""The attributes that differ in a copy of the DAG."""


class ColumnOperator:
    """A mixin that precedes the host's class in the bases. Each method returns the result of the host's method."""

    __slots__ = ()

    _fields_of_host: ClassVar[HostFields]
    _set_by_dag: ClassVar[tuple[str, ...]]
    """The names under which an operator of the host has its DAG and its group."""
    _not_mapped: ClassVar[type[Exception]]
    """The error of the host for a task that is not in a mapped group."""

    if TYPE_CHECKING:
        _columns: TaskColumns
        _index: int

        def own(self) -> dict[str, Any]: ...
        def _populate(self) -> None: ...
        def get_closest_mapped_task_group(self) -> Any: ...

    task_id = property(lambda self: self._columns.task_ids[self._index])
    task_group = OfTaskGroup()
    start_date = Date("start_date")
    end_date = Date("end_date")
    upstream_task_ids = RelativeIds(is_upstream=True)
    downstream_task_ids = RelativeIds(is_upstream=False)
    start_trigger_args = StartTriggerArgs()
    start_from_trigger = Flag("start_from_trigger")
    _is_empty = Flag("_is_empty")

    def kept_values(self) -> dict[str, Any]:
        """The attributes that were assigned to this operator, and its own values that were read."""
        return {name: value for name, value in self.own().items() if name not in _OF_DAG}

    @property
    def every_attribute(self) -> dict[str, Any]:
        """All attributes of the instance, completed. Each host's class names this `__dict__` in its body, in place of
        the interpreter's own, for `vars` and `dir`. Attribute access does not use it.
        """
        own = self.own()
        if "task_id" not in own:
            for name, value in vars(self.__copy__()).items():
                own.setdefault(name, value)
        return own

    def __copy__(self) -> Any:
        """A shallow copy of the host's class: the same DAG, group and values."""
        columns = self._columns
        stock = columns.dag._deserialize_task(columns.serialized_task(self._index))
        own = vars(stock)
        for name in (*self._set_by_dag, *_OF_TASK):
            own[name] = getattr(self, name)
        own.update(self.kept_values())
        return stock

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return deepcopy(self._columns.dag, memo).get_task(self.task_id)

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickles the host's own operator of the same task, and with it its DAG, as the host does."""
        return itemgetter(0), ((self._columns.dag.to_pickle().get_task(self.task_id),),)

    @property
    def upstream_list(self) -> list[Any]:
        get_task = self._columns.dag.get_task
        return [get_task(task_id) for task_id in self.upstream_task_ids]

    @property
    def downstream_list(self) -> list[Any]:
        get_task = self._columns.dag.get_task
        return [get_task(task_id) for task_id in self.downstream_task_ids]

    def get_upstreams_only_setups(self) -> Any:
        """The relevant upstream setups. Most DAGs have none."""
        if self._columns.has_setups:
            return super().get_upstreams_only_setups()  # type: ignore[misc]  # the host's
        return iter(())

    def iter_mapped_task_groups(self) -> Any:
        """The mapped groups around the task, innermost first. Builds the tree only if there are any."""
        if self._columns.is_in_mapped_group(self._index):
            return super().iter_mapped_task_groups()  # type: ignore[misc]  # the host's
        return iter(())

    def get_parse_time_mapped_ti_count(self) -> int:
        """The number of instances that the groups around the task expand to.

        Raises:
            NotMapped, of the host: no group around it is mapped.
        """
        if not self._columns.is_in_mapped_group(self._index):
            raise self._not_mapped()
        n_instances: int = self.get_closest_mapped_task_group().get_parse_time_mapped_ti_count()
        return n_instances


def dict_of_instances(host_class: type) -> Callable[[Any], dict[str, Any]]:
    """A function that returns the attributes of an instance, although our classes override `__dict__`.

    It uses the descriptor of the first class in the host's hierarchy whose instances have a `__dict__`.
    """
    found: Any = next(vars(base)["__dict__"] for base in host_class.__mro__ if "__dict__" in vars(base))
    read: Callable[[Any], dict[str, Any]] = found.__get__
    return read


def always_lazy(operator: type[ColumnOperator]) -> frozenset[str]:
    """The fields that are computed for every task, whatever columns its DAG has."""
    members = (item for owner in (ColumnOperator, operator) for item in vars(owner).items())
    return frozenset(name for name, value in members if isinstance(value, Field))


def lazy_columns(
    hot: Collection[str], cold: Collection[str], load_op_links: bool, attribute_of: Mapping[str, str]
) -> Iterator[tuple[str, Field]]:
    """(attribute, field) of each hot column, then of each cold one.

    Args:
        attribute_of: column to attribute, where their names differ.
    """
    for column in hot:
        yield attribute_of.get(column, column), Hot(column)
    # Plugins add links also to operators whose document has none.
    for column in {*cold, _LINKS} if load_op_links else cold:
        yield attribute_of.get(column, column), Cold()
