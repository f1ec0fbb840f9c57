"""Support for a class of ours that replaces a class of the host, from which it derives."""

from __future__ import annotations

from functools import update_wrapper
from typing import Any, TypeVar

C = TypeVar("C", bound=type)


class AsStock(type):
    """The metaclass of such a class. Instances and subclasses of the host's class count as its own.

    A plugin of the site may have created them before the class was replaced, and test them under the replaced name.
    """

    stock: type

    def __instancecheck__(cls, instance: Any) -> bool:
        return (
            isinstance(instance, cls.stock) if "stock" in vars(cls) else super().__instancecheck__(instance)
        )

    def __subclasscheck__(cls, subclass: Any) -> bool:
        return (
            issubclass(subclass, cls.stock) if "stock" in vars(cls) else super().__subclasscheck__(subclass)
        )


def stands_in(cls: C) -> C:
    """`cls` with the name, module, documentation and signature of its base, under which it is found and pickled."""
    (stock,) = cls.__bases__
    for name in ("__name__", "__qualname__", "__module__", "__doc__"):
        setattr(cls, name, getattr(stock, name))
    for name, member in list(vars(cls).items()):
        theirs = vars(stock).get(name)
        ours = getattr(member, "__func__", member)
        if theirs is not None and callable(ours) and not isinstance(member, type):
            update_wrapper(ours, getattr(theirs, "__func__", theirs))
    cls.stock = stock  # type: ignore[attr-defined]  # of its metaclass
    return cls
