"""URLs without credentials, as they may be shown."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(?=://)")


def redact_url(url: str) -> str:
    """`url` with user and password as `***` and without its query.

    A password with an unescaped `/`, `?`, `#` or `@` breaks a URL into parts that still look well formed. Whenever
    an `@` occurs anywhere but before the host, only the scheme is shown.
    """
    scheme = _SCHEME.match(url)
    nothing_but_scheme = f"{scheme.group()}://***" if scheme else "***"
    try:
        parts = urlsplit(url)
    except ValueError:
        return nothing_but_scheme
    user, at, host = parts.netloc.rpartition("@")
    if not scheme or "@" in user or "@" in parts.path + parts.query + parts.fragment:
        return nothing_but_scheme
    query = "?***" if parts.query or parts.fragment else ""
    return f"{scheme.group()}://{'***@' if at else ''}{host}{parts.path}{query}"
