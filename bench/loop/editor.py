"""A DAG processor that stores changed DAGs on request: their tasks get other retries."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from ..answers import commands, open_answers
from ..case import Case
from .workload import make_documents, write_dags


class Editor:
    """Edits the DAGs of a case."""

    def __init__(self, case: Case, home: str) -> None:
        parameters: Any = case.parameters
        self._documents = make_documents(
            parameters["shape"],
            parameters["n_dags"],
            parameters["n_tasks"],
            seed=case.seed,
            folder=os.path.join(home, "dags"),
        )

    def edit(self, numbers: Sequence[int], retries: int) -> None:
        """Stores these DAGs with this number of retries for every task."""
        documents = [self._documents[number] for number in numbers]
        for document in documents:
            for task in document["dag"]["tasks"]:
                task["__var"]["retries"] = retries
        write_dags(documents)


if __name__ == "__main__":
    answer, orders = open_answers(), commands()
    given = next(orders)
    editor = Editor(Case(**given["case"]), given["home"])
    answer({})
    for order in orders:
        editor.edit(order["numbers"], order["retries"])
        answer({})
