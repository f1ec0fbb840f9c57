"""Check the installation, and give advice on each problem.

Examines the database and the Redis that the options or the environment name. Where Airflow is installed, examines
those of its `[sched_cache]` section instead, and the plugin: its entry points, its options, and whether it is active
in each process. Writes nothing except a probe: a Redis string that expires within a minute.
"""

from __future__ import annotations

import argparse
import json
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from sched_cache.cli.cache_options import add_cache_options, config_of, is_told
from sched_cache.cli.examination import Examination, Finding, examinations
from sched_cache.cli.table import render
from sched_cache.config import Config, parse_redis_url, redact_url
from sched_cache.errors import SchedCacheError

EXAMPLES = """\
  sched-cache doctor                exit code 1 if something is broken, else 3 if the plugin is not in use
  sched-cache doctor --json         every finding: what, is_well, is_off, found, advice
"""

EXIT_CODES = """exit codes:
    0  everything works
    1  something is broken
    2  the command cannot run: an unknown option, a wrong value in the environment, or output that cannot be written
    3  nothing is broken, but the plugin is not in use: it is switched off, no process of Airflow runs or reports,
       tables are not created yet, or this release of Airflow is not supported
  130  interrupted
  141  the reader of the output has closed it
"""

_BROKEN, _NOT_IN_USE = 1, 3
_REDIS_SECONDS = 20.0
_CHANNEL_SECONDS = 2.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_cache_options(parser)


def run(arguments: argparse.Namespace) -> int:
    findings = list(_examine(arguments))
    if arguments.json:
        print(json.dumps([asdict(finding) for finding in findings]))
    else:
        rows: list[tuple[str, str, str]] = []
        for one in findings:
            rows.append((one.word, one.what, one.found))
            if one.advice:
                rows.append(("", "", f"-> {one.advice}"))
        print(render(("", "what", "found and -> what to do"), rows))
    if not all(finding.is_well for finding in findings):
        return _BROKEN
    return _NOT_IN_USE if any(finding.is_off for finding in findings) else 0


def _examine(arguments: argparse.Namespace) -> Iterator[Finding]:
    own = config_of(arguments)
    hosts = [] if is_told(arguments) else list(examinations())
    for examination in hosts or [Examination(own)]:
        yield from examination.findings
        if examination.config is not None:
            from sched_cache.cli.database_examination import examine_database

            yield from examine_database(examination.config, examination.connect)
            yield from _examine_redis(examination.config)
        yield from examination.later()


def _examine_redis(config: Config) -> Iterator[Finding]:
    if config.redis_url is None:
        advice = "optional: with a Redis, other nodes hear of changes at once and load without the database"
        yield Finding("redis", True, "none configured", advice)
        return
    from sched_cache.store.redis.client import close_client, open_client
    from sched_cache.store.redis.deadline import start_call
    from sched_cache.store.redis.link import FAILURES, reason_of
    from sched_cache.store.redis.refusal import refusal_of

    url = redact_url(config.redis_url)
    client: Any = None
    # For all commands together; each of them has `redis_timeout_seconds`.
    start_call(_REDIS_SECONDS)
    try:
        client = open_client(parse_redis_url(config.redis_url), config.redis_timeout_seconds)
        client.ping()
        started = time.perf_counter()
        client.ping()
        yield Finding("redis", True, f"{url}: answers in {_ms(started)}")
        probe = f"{config.namespace}:doctor:{secrets.token_hex(4)}"
        client.set(probe, b"1", ex=60)
        is_kept = client.get(probe) == b"1"
        client.delete(probe)
        yield Finding(
            "redis write",
            is_kept,
            "kept" if is_kept else "lost",
            "" if is_kept else "is it a read-only replica?",
        )
        yield _examine_channel(client, config.namespace)
        yield from _examine_policy(client)
    except (*FAILURES, SchedCacheError) as error:
        advice = f"{refusal_of(error).advice}; the cache works without it, from the database"
        yield Finding("redis", False, f"{url}: {reason_of(error)}", advice)
    finally:
        if client is not None:
            close_client(client)


def _examine_channel(client: Any, namespace: str) -> Finding:
    """Whether a message from one connection reaches another, on a channel like the one of the cache."""
    from redis.exceptions import RedisError

    channel = f"{namespace}:doctor:{secrets.token_hex(4)}"
    listener = client.pubsub()
    try:
        started = time.perf_counter()
        listener.subscribe(channel)
        until = time.monotonic() + _CHANNEL_SECONDS
        is_joined = False
        while time.monotonic() < until:
            message = listener.get_message(timeout=0.1)
            if message is not None and message["type"] == "subscribe" and not is_joined:
                is_joined = True
                client.publish(channel, b"1")
            elif message is not None and message["type"] == "message":
                return Finding("redis channel", True, f"a message took {_ms(started)}")
        found = f"no message within {_CHANNEL_SECONDS:.0f} s"
    except (RedisError, OSError, ValueError) as error:
        found = f"{type(error).__name__}: {error}"
    finally:
        with suppress(RedisError, OSError):
            listener.close()
    advice = f"allow its user publish and subscribe on {namespace}:*; without them, changes are noticed later"
    return Finding("redis channel", False, found, advice)


def _examine_policy(client: Any) -> Iterator[Finding]:
    from redis.exceptions import RedisError

    try:
        memory = client.info("memory")
    except (RedisError, OSError, AttributeError):
        return  # not every user of Redis has access to INFO
    policy, bound = memory.get("maxmemory_policy", "unknown"), memory.get("maxmemory", 0)
    is_well = not bound or policy != "noeviction"
    advice = (
        ""
        if is_well
        else "set maxmemory-policy to allkeys-lru or volatile-lru: a full Redis takes no new content"
    )
    yield Finding("redis memory", is_well, f"{memory.get('used_memory_human')} used, policy {policy}", advice)


def _ms(started: float) -> str:
    return f"{(time.perf_counter() - started) * 1000:.2f} ms"
