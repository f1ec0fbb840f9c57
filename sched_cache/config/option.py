"""One option: declared once, beside its default, in the body of `Config`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from sched_cache.config.kind import Kind
from sched_cache.errors import ConfigError

PREFIX = "SCHED_CACHE__"
_MAX_SHOWN = 200
_MAX_INTEGER_SHOWN = 10**20
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Option:
    """The declaration of one option."""

    name: str
    default: Any
    kind: Kind
    unit: str
    doc: str

    @property
    def environment_name(self) -> str:
        """The variable that `Config.load` reads."""
        return PREFIX + self.name.upper()

    def read(self, text: str) -> Any:
        """The value of `text`, not yet checked against the range.

        Raises:
            ConfigError: `text` is not a value of this kind.
        """
        try:
            return self.kind.read(text)
        except (ValueError, KeyError):
            raise ConfigError(self.name, _shortened(self.kind.show(text)), self.kind.allowed) from None

    def check(self, value: Any) -> None:
        """Returns if `value` is allowed.

        Raises:
            ConfigError: it is not.
        """
        try:
            self.kind.check(value)
        except ValueError as error:
            reason = f" ({error})" if error.args else ""
            # The cause is cut off: its text and its frames may hold a password.
            raise ConfigError(
                self.name, _shortened(self.kind.show(value)), self.kind.allowed + reason
            ) from None


def _shortened(shown: object) -> object:
    if isinstance(shown, str) and len(shown) > _MAX_SHOWN:
        return f"{shown[:_MAX_SHOWN]}... ({len(shown):,} characters)"
    if isinstance(shown, int) and abs(shown) > _MAX_INTEGER_SHOWN:
        return "an integer of more than 20 digits"
    if isinstance(shown, tuple) and len(repr(shown)) > _MAX_SHOWN:
        return f"{len(shown):,} names, {_shortened(str(shown[0]))} the first"
    return shown


def option(default: T, kind: Kind, *, unit: str = "", doc: str) -> T:
    """A field of `Config`. `doc` is its description in CONFIG.md, in Markdown."""
    declared: T = field(default=default, metadata={"kind": kind, "unit": unit, "doc": doc})
    return declared


def options(config_class: type[Any]) -> Iterator[Option]:
    """The options of `config_class` in the order of their declaration; other fields are skipped."""
    for declared in fields(config_class):
        facts = declared.metadata
        if "kind" not in facts:
            continue
        yield Option(declared.name, declared.default, facts["kind"], facts["unit"], facts["doc"])
