"""DAGs and the task instances of their runs as plain values, for tests of scheduling on every host."""

from tests.support.scheduling.dag_document import GroupSpec, TaskSpec, document_of
from tests.support.scheduling.random_run import RunSpec, random_run

__all__ = ["GroupSpec", "RunSpec", "TaskSpec", "document_of", "random_run"]
