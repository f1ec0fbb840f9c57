"""The errors that this package raises, under one root class."""

from __future__ import annotations


class SchedCacheError(Exception):
    """Something went wrong that the caller can act on. Bugs (`TypeError`, ...) are never wrapped in it."""


class FormatError(SchedCacheError):
    """These bytes are not a compact DAG that this reader understands.

    Treat the stored value as a miss, count it, and fetch the content from another tier. `reason` states what was
    found and what was expected.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class InvalidDagError(SchedCacheError):
    """This serialized DAG cannot be published; the current version stays current.

    `dag_id` is None if the document is too broken to have one. `field` is the path of the offending value,
    such as `tasks[3].downstream_task_ids`.
    """

    def __init__(self, dag_id: str | None, field: str, reason: str) -> None:
        super().__init__(f"DAG {dag_id!r}, field {field}: {reason}")
        self.dag_id = dag_id
        self.field = field
        self.reason = reason


class ConfigError(SchedCacheError):
    """An option is unknown, out of its range, or not understood. Raised at start, never later."""

    def __init__(self, option: str, value: object, allowed: str) -> None:
        super().__init__(f"option {option}: got {value!r}, allowed: {allowed}")
        self.option = option
        self.value = value
        self.allowed = allowed


class StoreUnavailableError(SchedCacheError):
    """The database did not answer within the bounded retries. Nothing was served and nothing was written."""


class PublishConflictError(SchedCacheError):
    """Another process published this key after the token was read. Take a new token, read the file again, publish."""

    def __init__(self, key: str, expected_seq: int, current_seq: int) -> None:
        super().__init__(f"DAG {key!r}: token is {expected_seq}, the database is at {current_seq}")
        self.key = key
        self.expected_seq = expected_seq
        self.current_seq = current_seq


class VersionNotFoundError(SchedCacheError):
    """The database has no version of this key as new as the caller asked for."""

    def __init__(self, key: str, min_version: int, current_version: int) -> None:
        super().__init__(
            f"DAG {key!r}: asked for version {min_version} or newer, the database has {current_version}"
        )
        self.key = key
        self.min_version = min_version
        self.current_version = current_version


class RedisUnavailableError(SchedCacheError):
    """Redis refused, timed out or sent an invalid answer. It never means that the key is absent."""


class ColdPartMissingError(SchedCacheError):
    """A field of the cold part was requested, but no cold part is available. Load the DAG with its cold part."""

    def __init__(self, dag_id: str) -> None:
        super().__init__(f"DAG {dag_id!r} was decoded without its cold part")
        self.dag_id = dag_id
