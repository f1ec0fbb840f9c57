from __future__ import annotations

from pathlib import Path

from sched_cache_airflow.demo.plan import SIZES, first_half, write_dag_file


def test_the_file_is_python_and_an_edit_changes_it(tmp_path: Path) -> None:
    """Nothing but the DAG file is left in the folder."""
    sources = []
    for edition in (1, 2):
        write_dag_file(tmp_path, edition)
        sources.append((tmp_path / "demo.py").read_text())
        compile(sources[-1], "demo.py", "exec")
    assert sources[0] != sources[1]
    assert [path.name for path in tmp_path.iterdir()] == ["demo.py"]


def test_half_of_the_tasks_are_in_the_upper_layers() -> None:
    """Layers of ten."""
    for n_tasks in SIZES:
        tasks = first_half(n_tasks)
        assert len(tasks) == len(set(tasks)) == n_tasks // 20 * 10
