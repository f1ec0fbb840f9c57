"""The example DAGs of the installed Airflow (2.11 or 3) and its providers, as it serializes them."""

from __future__ import annotations

import json
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import airflow.example_dags
import airflow.providers
from airflow.serialization import serialized_objects

from sched_cache.format import compress, decode_dag, encode_dag
from tests.support.format.exact import difference
from tests.support.host_agreement import Question, differences

try:
    from airflow.dag_processing.dagbag import DagBag

    Serialization: Any = serialized_objects.DagSerialization
except ImportError:
    from airflow.models.dagbag import DagBag

    Serialization = serialized_objects.SerializedDAG

_GOLDEN = Path(__file__).parents[1] / "golden" / "documents"
_NO_DAGS_HERE = ("libs", "plugins", "subdags")
"""Folders of what the examples import."""


@dataclass(frozen=True, slots=True)
class Example:
    """One DAG. document: what Airflow stores, after a round trip through JSON."""

    dag_id: str
    path: str
    document: Any

    def host_dag(self, document: Any = None) -> Any:
        """The host's object for the document, or for another one in its place."""
        return Serialization.from_dict(json.loads(json.dumps(document or self.document)))


@dataclass(frozen=True, slots=True)
class Examples:
    """dags: by name. without_dags: file that gives none -> the last line of its import error, "" if none."""

    dags: tuple[Example, ...]
    without_dags: dict[str, str]


def load_examples() -> Examples:
    """All of them. Takes some seconds; runs the code of every example file."""
    dags: dict[str, Example] = {}
    without_dags: dict[str, str] = {}
    for folder in _folders():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the host's own files use what the host deprecates
            bag = _dag_bag(folder)
            documents = [json.loads(json.dumps(Serialization.to_dict(dag))) for dag in bag.dags.values()]
        errors = {
            Path(path).name: error.strip().splitlines()[-1] for path, error in bag.import_errors.items()
        }
        for document in documents:
            dag = document["dag"]
            dag_id = dag.get("dag_id") or dag["_dag_id"]
            assert dag_id not in dags, f"two examples are named {dag_id}"
            dags[dag_id] = Example(dag_id, dag["fileloc"], document)
        used = {example.path for example in dags.values()}
        for path in sorted(folder.rglob("*.py")):
            is_example = path.name != "__init__.py" and path.parent.name not in _NO_DAGS_HERE
            if is_example and str(path) not in used:
                without_dags[path.name] = errors.get(path.name, "")
    return Examples(tuple(dags[dag_id] for dag_id in sorted(dags)), without_dags)


def _folders() -> list[Path]:
    providers = [found for path in airflow.providers.__path__ for found in Path(path).rglob("example_dags")]
    return [Path(airflow.example_dags.__path__[0]), *sorted(providers)]


def _dag_bag(folder: Path) -> Any:
    if DagBag.__module__ == "airflow.models.dagbag":
        return DagBag(folder, include_examples=False, safe_mode=False, read_dags_from_db=False)
    return DagBag(folder, safe_mode=False, bundle_path=folder)


def load_golden_documents(*releases: str) -> Examples:
    """The documents in tests/golden/documents that these releases wrote; `dag_id` is the name of the file."""
    files = [path for release in releases for path in sorted(_GOLDEN.glob(f"airflow-{release}-*.json"))]
    return Examples(tuple(Example(path.stem, str(path), json.loads(path.read_text())) for path in files), {})


def lost_in_roundtrip(examples: Examples) -> dict[str, str]:
    """DAGs that do not come back exactly, or whose bytes depend on the order of keys: what differs."""
    lost = {}
    for example in examples.dags:
        encoded = encode_dag(example.document)
        if encode_dag(_with_keys_reversed(example.document)) != encoded:
            lost[example.dag_id] = "the order of keys changes the bytes"
        elif found := difference(example.document, decode_dag(encoded.hot, encoded.cold).to_serialized()):
            lost[example.dag_id] = found
    return lost


def disagreements(examples: Examples, host_dags: dict[str, Any], question: Question) -> dict[str, list[str]]:
    """DAGs on which we, with the hot part alone, and the host answer `question` differently: both answers."""
    found = {}
    for example in examples.dags:
        dag = decode_dag(encode_dag(example.document).hot)
        if lines := differences(question(dag, host_dags[example.dag_id])):
            found[example.dag_id] = lines
    return found


def compressed_bytes(examples: Examples) -> tuple[int, int]:
    """(both parts of all DAGs as they travel to Redis, the same DAGs as zlib's JSON)."""
    ours = theirs = 0
    for example in examples.dags:
        encoded = encode_dag(example.document)
        ours += len(compress(encoded.hot)) + len(compress(encoded.cold))
        theirs += len(zlib.compress(json.dumps(example.document).encode()))
    return ours, theirs


def _with_keys_reversed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_keys_reversed(value[key]) for key in reversed(value)}
    return [_with_keys_reversed(item) for item in value] if isinstance(value, list) else value
