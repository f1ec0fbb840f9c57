"""The part of CONFIG.md about the library, made from the declarations. `python -m sched_cache.config` prints it."""

from __future__ import annotations

from sched_cache.config import redis_url
from sched_cache.config.config import Config
from sched_cache.config.option import Option, options

_HEAD = """\
# Configuration

Made by `python -m sched_cache_airflow.settings.markdown > CONFIG.md`; a test compares it with the code.

Each option is a field of `sched_cache.Config` and an environment variable that `Config.load()` reads. An
unknown variable that begins with `SCHED_CACHE__`, a value out of its range or a URL that cannot be used raises
`ConfigError` at start. Neither errors nor `repr(config)` show passwords.

| option and environment variable | default | unit | range | meaning |
|---|---|---|---|---|
"""
_TAIL = """
## Redis URLs

{forms}

Escape special characters of a user or password (`%40` is `@`). With TLS the URL may end in `?` and, joined by
`&`: `ssl_ca_certs=FILE`, `ssl_ca_path=FOLDER`, `ssl_certfile=FILE`, `ssl_keyfile=FILE`,
`ssl_cert_reqs=none|optional|required`, `ssl_check_hostname=true|false`. With Sentinel also
`sentinel_username=` and `sentinel_password=`, since sentinels do not share the password of the servers.
"""


def config_markdown() -> str:
    """The text of CONFIG.md up to the part about Airflow."""
    forms = (redis_url.__doc__ or "").partition("\n\n")[2].rstrip()
    return _HEAD + "".join(map(_row, options(Config))) + _TAIL.format(forms=forms)


def default_in_words(default: object) -> str:
    """`default` as it is written in a table."""
    if default is None or default == ():
        return "empty"
    if isinstance(default, bool):
        return str(default).lower()
    return f"{default:,}" if isinstance(default, (int, float)) else f"`{default}`"


def _row(declared: Option) -> str:
    name = f"`{declared.name}`<br>`{declared.environment_name}`"
    shown = default_in_words(declared.default)
    return f"| {name} | {shown} | {declared.unit or '-'} | {declared.kind.allowed} | {declared.doc} |\n"
