"""The templates of the page. All text is escaped except markup of this package; a missing name is an error."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from sched_cache_airflow.reporting.page import pictures, wording


def render(name: str, *, nonce: str, **shown: object) -> Markup:
    """A whole document. `nonce`: the value that the policy of the response allows scripts to have."""
    return Markup(_environment().get_template(name).render(nonce=nonce, **shown))


@cache
def _environment() -> Environment:
    """The environment, created for the first page, so that it costs other processes nothing."""
    environment = Environment(
        loader=PackageLoader("sched_cache_airflow.reporting.page"),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        # Unbounded, because a bounded cache has a lock, which a forked child may find held for ever.
        cache_size=-1,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pictures_by_name = (pictures.meter, pictures.sparkline, pictures.stacked)
    environment.globals.update({made.__name__: made for made in pictures_by_name})
    words = (
        wording.bytes_in_words,
        wording.count_in_words,
        wording.percent_in_words,
        wording.seconds_in_words,
        wording.short_hash,
    )
    environment.filters.update({made.__name__: made for made in words})
    return environment
