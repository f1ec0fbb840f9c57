"""Settings for the property tests here: `--hypothesis-profile=thorough` tries 10,000 examples of each."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile(
    "thorough",
    settings.get_profile("patient"),
    max_examples=10_000,
    suppress_health_check=[HealthCheck.too_slow],
)
