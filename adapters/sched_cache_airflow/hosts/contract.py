"""The contract of a host: everything in which the supported major versions of Airflow differ, and nothing else.

`AirflowHost` is the whole of it, composed of the protocols above it. Each folder of hosts has one class that fulfils
it, in its `host.py`; the folders below the hosts know a host only by this file. `HostRules`, which `HostDecisions` has
among its attributes, is in the core: the proof of blocked task instances needs it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, TypeVar

from sched_cache.config import Config
from sched_cache.format import CompactDag
from sched_cache.scheduling import HostRules
from sched_cache_airflow.certification.loops import HostLoops
from sched_cache_airflow.hosts.vocabulary import Vocabulary
from sched_cache_airflow.patching.patch_table import PatchTable
from sched_cache_airflow.releases import Host
from sched_cache_airflow.settings.settings import Settings

if TYPE_CHECKING:  # `sched-cache --help` finds commands through this module, and opens no database
    from sqlalchemy import Table
    from sqlalchemy.engine import Connection
    from sqlalchemy.orm import ORMExecuteState, Session

R_co = TypeVar("R_co", covariant=True)

# Parts of the plugin, each with the words that it meets.

CONTENTS: Final = "DAGs"
"""Documents of DAGs, their tables, and the objects over them. The rest of the plugin has no use without them."""
DECISIONS: Final = "scheduling decisions"
"""Rows of task instances and runs, and the rules by which they are decided."""
DAG_ROWS: Final = "look-ups of DAG rows"
"""The rows of the DAGs of a loop, which are read in one query."""
JOBS: Final = "owner of the tables"
"""The jobs by which an Airflow is recognized."""

# DAG objects and their fields


class HostFields(Protocol):
    """The decoding of the fields of tasks."""

    host_class: type[Any]
    """The class of the host's own operators."""
    release: str
    """The release of the host. Another release may deserialize in another way."""
    portable_types: frozenset[str]
    """The `__type` of values that either every process can deserialize, or none."""

    @property
    def loads_links(self) -> bool:
        """Whether the host gives operators their extra links at present."""

    def decode(self, name: str, value: Any) -> Any:
        """The value of the attribute, as the host deserializes it."""

    def default(self, name: str) -> Any:
        """The value for an operator whose document lacks the field."""

    def is_own(self, name: str) -> bool:
        """Whether that default could be changed, so that each operator has to have its own."""

    def decode_start_trigger_args(self, value: Any) -> Any:
        """The object that the host creates from a value of a document."""

    def attempt(self, name: str, value: Any) -> Any:
        """The host's result for a value of a column, including `partial_kwargs`. Raises the errors of the host."""

    def are_links_portable(self, links: Any) -> bool:
        """Whether the extra links of a task need nothing that another process may lack."""


class DagColumns(Protocol):
    """The documents from which the operators of a DAG object are created."""

    load_op_links: bool

    @property
    def client_defaults(self) -> Mapping[str, Any]: ...

    def serialized_tasks(self, indices: Sequence[int]) -> list[dict[str, Any]]:
        """The documents of some tasks, without their envelopes."""


class HostDag(Protocol):
    """The host's DAG object over a compact DAG. Members with an underscore are those of `ColumnDag`."""

    compact: CompactDag
    _tree_field: str
    _reference: type[Any]

    @property
    def _columns(self) -> DagColumns: ...

    def _deserialize(self, fields: dict[str, Any]) -> dict[str, Any]: ...
    def _deserialize_task(self, document: dict[str, Any]) -> Any: ...
    def _deserialize_tree(self, encoded: Any, operators: dict[str, Any], dag: Any = None) -> Any: ...
    def read_hot_fields(self) -> None: ...

    @property
    def nbytes(self) -> int: ...

    def renewed(self) -> HostDag:
        """The DAG without the objects created by its use, or the DAG itself if these are few or recent."""


class HostContents(Protocol):
    """The contents that the host stores, and its objects of them. `version_id`: the id of a version there."""

    @property
    def fields(self) -> HostFields: ...

    @property
    def dag_class(self) -> type[Any]:
        """The class of DAG objects over the compact form, which they have as `compact`."""

    def dag_of(self, compact: CompactDag, *, load_op_links: bool) -> HostDag | None:
        """The host's object; None for a document that only the host's own path reads."""

    def read(self, version_id: Any, reader: Session | Connection) -> tuple[dict[str, Any], str] | None:
        """(document, hash) of the host's row as it is now; None if there is none. One query, no ORM entity."""

    def hash_of(self, version_id: Any, reader: Connection) -> str | None:
        """The hash of the host's row as it is now; None if there is none. One query."""

    def present(self, version_ids: Collection[Any], reader: Connection) -> set[Any]:
        """The versions that have a row. One query."""

    def current(self, after: str, limit: int, reader: Connection) -> list[tuple[str, Any, str]]:
        """(DAG, version, hash) of the current content of the first `limit` DAGs with greater ids. One query or two."""

    def version_of_row(self, row: Any) -> Any:
        """The id of the version of a row of `serialized_dag`."""

    def key_of(self, version_id: Any) -> str:
        """The key of the version in our tables."""

    def version_of(self, key: str) -> Any:
        """The version that has this key in our tables; None for a key of another program."""

    def is_left_over(self, key: str) -> bool:
        """Whether an earlier major version of Airflow has left this key, which no process uses after the upgrade."""

    def noted(self, text: str) -> Any:
        """The version that a row of the table `written` names; None if no version has such a name."""


# Scheduling decisions


@dataclass(slots=True)
class RawRows:
    """Rows of one run by column. ids: the keys by which `HostRows.load_task_instances` finds the task instances."""

    task_ids: list[str] = field(default_factory=list)
    map_indices: list[int] = field(default_factory=list)
    states: list[str | None] = field(default_factory=list)
    ids: Sequence[Hashable] = field(default_factory=list)


class HostRows(Protocol):
    """The queries for task instances in the host's tables: `slim_rows.py` of that host."""

    def read_rows(self, dag_runs: Collection[Any], session: Session) -> dict[int, RawRows]:
        """Every task instance of these runs, by the run's id. One query, however many runs."""

    def read_skip_decisions(self, dag_run_ids: Collection[int], session: Session) -> dict[int, set[str]]:
        """The ids of the tasks that hold a skip decision, for each of these runs. One query."""

    def read_states(self, dag_run: Any, session: Session) -> dict[str | None, tuple[int, datetime | None]]:
        """State -> how many task instances of the run have it, and when the first of these started. One query."""

    def load_last_ended(self, dag_run: Any, state: str, session: Session) -> Any:
        """The host's object of the task instance in this state that ended last, or None.

        If several ended at the same time, the first one in the order of the host's query. One query.
        """

    def read_task_order(self, dag_run: Any, session: Session) -> Sequence[str]:
        """The tasks that have an instance in the run, in the order of the host's query. One query."""

    def load_task_instances(self, ids: Iterable[Any], session: Session) -> dict[Any, Any]:
        """The host's objects by their id, without those that were deleted meanwhile."""


class HostDecisions(Protocol):
    """The host's part of the fast path."""

    rules: HostRules
    """The conditions under which a task instance may change."""

    @property
    def rows(self) -> HostRows: ...

    @property
    def is_ordered(self) -> bool:
        """Whether the host orders task instances by task and map index; otherwise the order of the database decides."""

    names_last_ended: bool
    """Whether the callback of a run that ends names the task instance that ended last."""

    def loop_of(self, session: Session) -> object | None:
        """The current versions of the loop of a session; None outside of one. Each loop has another object."""

    def predicted(self, dag_run: Any, session: Session) -> tuple[Any, str] | None:
        """(version, hash) of the content by which the loop will decide a run, or None."""


# Writes


class HostWrites(Protocol):
    """The statements and rows that change contents. Imports nothing of Airflow: commands that write import little."""

    column: str
    """The column of the table of written versions that has the names of contents."""

    def table(self, config: Config) -> Table:
        """The table of written versions, with the prefix and in the schema of the other ones. Creates nothing."""

    def of_row(self, row: Any) -> str | None:
        """The name of the content in an object that is flushed."""

    def of_statement(self, state: ORMExecuteState) -> Any:
        """A query for the names of the contents that an update or delete is about to change; None if for none."""


# Requests to parse a file, for `sched-cache watch`


class HostFolder(NamedTuple):
    """A folder that the host's processor reads. bundle: None on a host without bundles."""

    bundle: str | None
    path: str


class ChangedFile(NamedTuple):
    """A DAG file as the host names it: the bundle (None on a host without bundles), its folder, the path in that."""

    bundle: str | None
    root: str
    relative: str

    @property
    def path(self) -> str:
        """The path of the file."""
        return os.path.join(self.root, self.relative)


class HostRequests(Protocol):
    """Requests to parse a DAG file at once. Serves every release of the major version. Imports Airflow when asked."""

    def folders(self) -> list[HostFolder]:
        """The folders in which files change in place."""

    def row(self, file: ChangedFile) -> dict[str, Any]:
        """The columns of a request for one file, without the id, which the host sets."""


# The host as a whole


class AirflowHost(Protocol[R_co]):
    """A major version of Airflow, of which the plugin serves several minor releases.

    Creating it imports nothing of Airflow. `contents`, `decisions` and `loops` import their modules at first use,
    because these derive from classes that the host may be importing.
    """

    releases: Host
    """The row of this folder: the supported releases, and the code on which the plugin depends."""
    patches: PatchTable
    vocabulary: Vocabulary
    """The words of the tested releases, for each of the parts `CONTENTS`, `DECISIONS`, `DAG_ROWS` and `JOBS`."""
    writes: HostWrites
    requests: HostRequests

    @property
    def contents(self) -> HostContents: ...

    @property
    def decisions(self) -> HostDecisions: ...

    @property
    def loops(self) -> HostLoops:
        """Loops of a scheduler over random DAGs, in a scratch database."""

    def weight_rules(self) -> Collection[type[Any]]:
        """The host's own rules of priority weights, which read only the task of a task instance."""

    def stats(self) -> Any | None:
        """The object that sends the host's own metrics; None if the host sends none."""

    def make_runtime(self, settings: Settings, original: Callable[[Any, str], Any]) -> R_co:
        """The state of a new process.

        Args:
            original: (class, name) -> the function as the host defined it, before the plugin replaced it.
        """
