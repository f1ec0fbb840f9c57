"""`SimpleDag` and related classes over compact DAGs, for schedulers that were written against Airflow 1.10.

The classes have the attributes, methods and errors of 1.10.15. `airflow2` has the task instance of 2.11, which is
a different class with the same name. None of them imports Airflow.

with harvest_simple_dags(cache) as harvest:             # fresh DAGs that no other process has
    bag = harvest.simple_dag_bag                        # decide, and write through harvest.connection
"""

from sched_cache_airflow.simple_dag.harvest import Harvest, harvest_simple_dags
from sched_cache_airflow.simple_dag.simple_dag import SimpleDag
from sched_cache_airflow.simple_dag.simple_dag_bag import SimpleDagBag
from sched_cache_airflow.simple_dag.simple_task_instance import SimpleTaskInstance
from sched_cache_airflow.simple_dag.transport import pack_task_instances, unpack_task_instances

__all__ = [
    "Harvest",
    "SimpleDag",
    "SimpleDagBag",
    "SimpleTaskInstance",
    "harvest_simple_dags",
    "pack_task_instances",
    "unpack_task_instances",
]
