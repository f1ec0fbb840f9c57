"""A DAG given as a file: the JSON that Airflow stores, or the output of `sched-cache encode`."""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from typing import Any

from sched_cache.cli.container import is_container, split
from sched_cache.cli.failure import InputError
from sched_cache.cli.files import name_of
from sched_cache.errors import ConfigError, FormatError, InvalidDagError
from sched_cache.format import CompactDag, HotFields, decode_dag, encode_dag


@dataclass(frozen=True, slots=True)
class GivenDag:
    """One DAG in every form. cold, document: None if the file holds the hot part alone."""

    dag: CompactDag
    hot: bytes
    cold: bytes | None
    document: Any


def add_hot_fields(parser: argparse.ArgumentParser) -> None:
    """Adds the options that `from_json` reads."""
    which = "task.FIELD or dag.FIELD; may be repeated"
    parser.add_argument(
        "--hot-include", metavar="FIELD", action="append", default=[], help=f"hot too: {which}"
    )
    parser.add_argument(
        "--hot-exclude", metavar="FIELD", action="append", default=[], help=f"not hot: {which}"
    )


def from_either(path: str, data: bytes, arguments: argparse.Namespace) -> GivenDag:
    """The DAG in `data`, in either form.

    Raises:
        InputError: `data` is neither, is damaged, or is not a serialized DAG.
        ConfigError: an unknown hot field, or any hot field for a DAG that is encoded already.
    """
    if not is_container(data):
        return from_json(path, data, arguments)
    for option in ("hot_include", "hot_exclude"):
        if chosen := getattr(arguments, option):
            raise ConfigError(f"--{option.replace('_', '-')}", chosen[0], f"none: {path} is encoded already")
    return from_container(path, data)


def from_json(path: str, data: bytes, arguments: argparse.Namespace) -> GivenDag:
    """The DAG in `data`, encoded as the options of `add_hot_fields` say.

    Raises:
        InputError: not JSON, or not a serialized DAG.
        ConfigError: an unknown hot field.
    """
    hot_fields = HotFields.choose(arguments.hot_include, arguments.hot_exclude)
    try:
        document = json.loads(data)
        encoded = encode_dag(document, hot_fields)
    except InvalidDagError as error:
        raise InputError(name_of(path), str(error)) from error
    except RecursionError as error:
        raise InputError(name_of(path), "is nested too deeply") from error
    except ValueError as error:  # of json: syntax, encoding, or a number of too many digits
        raise InputError(name_of(path), f"is not JSON: {error}") from error
    return GivenDag(decode_dag(encoded.hot, encoded.cold), encoded.hot, encoded.cold, document)


def from_container(path: str, data: bytes) -> GivenDag:
    """The DAG in `data`, all of it verified.

    Raises:
        InputError: not an output of `sched-cache encode`, or damaged.
    """
    try:
        hot, cold = split(data)
        dag = decode_dag(hot, cold)
        return GivenDag(dag, hot, cold, None if cold is None else dag.to_serialized())
    except FormatError as error:
        raise InputError(name_of(path), str(error)) from error
