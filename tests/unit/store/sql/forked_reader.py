"""A process whose forked child uses the same store, also amid a transaction: `forked_reader URL`."""

from __future__ import annotations

import os
import sys

from sched_cache.store.sql import SqlStore
from tests.contracts.store import publication


def main() -> None:
    store = SqlStore.open(sys.argv[1])
    store.token("sales")
    if os.fork() == 0:
        code = 1
        try:
            assert store.read_hot(["sales"])["sales"].data == b"hot 1"
            store.publish(publication("child", "1"))
            store.close()
            code = 0
        finally:
            os._exit(code)
    _, status = os.wait()
    assert status == 0
    assert store.read_hot(["child"])["child"].data == b"hot 1"
    with store.transaction() as connection:
        store.publish(publication("parent", "1"), connection)
        if os.fork() == 0:
            os._exit(0)
        _, status = os.wait()
        assert status == 0
    store.close()


if __name__ == "__main__":
    main()
