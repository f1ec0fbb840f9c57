"""What the operators of both hosts have in common: their fields, and the graph from index arrays instead of a walk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from sched_cache_airflow.operator_fields import (
    Date,
    FieldsOfHost,
    Flag,
    OfTaskGroup,
    RelativeIds,
    StartTriggerArgs,
)
from sched_cache_airflow.task_columns import TaskColumns


class ColumnOperator:
    """To stand in front of the host's class, whose results all of these are."""

    __slots__ = ()

    _fields_of_host: ClassVar[FieldsOfHost]
    _not_mapped: ClassVar[type[Exception]]
    """What the host raises of a task that no mapped group is around."""

    if TYPE_CHECKING:
        _columns: TaskColumns
        _index: int

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

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self._columns.stock_dag().get_task(self.task_id)

    @property
    def upstream_list(self) -> list[Any]:
        get_task = self._columns.dag.get_task
        return [get_task(task_id) for task_id in self.upstream_task_ids]

    @property
    def downstream_list(self) -> list[Any]:
        get_task = self._columns.dag.get_task
        return [get_task(task_id) for task_id in self.downstream_task_ids]

    def get_upstreams_only_setups(self) -> Any:
        """The relevant upstream setups; none in a DAG without setups, which is nearly all."""
        if self._columns.has_setups:
            return super().get_upstreams_only_setups()  # type: ignore[misc]  # the host's
        return iter(())

    def iter_mapped_task_groups(self) -> Any:
        """The mapped groups around the task, innermost first; needs the tree only if there are any."""
        if self._columns.is_in_mapped_group(self._index):
            return super().iter_mapped_task_groups()  # type: ignore[misc]  # the host's
        return iter(())

    def get_parse_time_mapped_ti_count(self) -> int:
        """How many instances the groups around the task expand to.

        Raises:
            NotMapped, of the host: no group around it is mapped.
        """
        if not self._columns.is_in_mapped_group(self._index):
            raise self._not_mapped()
        n_instances: int = self.get_closest_mapped_task_group().get_parse_time_mapped_ti_count()
        return n_instances
