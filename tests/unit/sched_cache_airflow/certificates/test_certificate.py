"""A certificate is void as soon as anything that it is bound to has changed, and names it."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import pytest

from sched_cache_airflow.certificates.certificate import Bound, Certificate, CertificateError

_BOUND = Bound(
    digests={"airflow.models.dagrun:DagRun.update_state": "aa", "airflow.utils.state:": "bb"},
    vocabulary="cc",
    build="dd",
    airflow="3.3.1",
    python="3.11",
    sqlalchemy="2.0.49",
    dialect="postgresql",
    driver="psycopg2",
    strategies=("site.weights.Ours",),
    policies=(),
    listeners=("site.audit", "site.mail"),
)
_CERTIFICATE = Certificate(_BOUND, {"refusals": [], "seed": 5, "n_loops": 500})

_CHANGES: dict[str, tuple[Any, str]] = {
    "digests": (
        {**_BOUND.digests, "airflow.models.dagrun:DagRun.update_state": "ab"},
        "DagRun.update_state is not the code that was certified",
    ),
    "vocabulary": ("cd", "vocabulary: cd instead of cc"),
    "build": ("de", "build: de instead of dd"),
    "airflow": ("3.3.1+site", "airflow: 3.3.1+site instead of 3.3.1"),
    "python": ("3.12", "python: 3.12 instead of 3.11"),
    "sqlalchemy": ("2.0.50", "sqlalchemy: 2.0.50 instead of 2.0.49"),
    "dialect": ("mysql", "dialect: mysql instead of postgresql"),
    "driver": ("psycopg", "driver: psycopg instead of psycopg2"),
    "strategies": ((), "strategies: site.weights.Ours is gone"),
    "policies": (("site.policy",), "policies: site.policy is new"),
    "listeners": (("site.mail", "site.new"), "listeners: site.new is new; site.audit is gone"),
}


def test_every_field_is_examined_here() -> None:
    assert _CHANGES.keys() == {field.name for field in fields(Bound)}


def test_nothing_changed() -> None:
    assert _BOUND.change(replace(_BOUND)) == ""


@pytest.mark.parametrize("name", _CHANGES)
def test_a_change_is_named(name: str) -> None:
    value, reason = _CHANGES[name]
    assert _BOUND.change(replace(_BOUND, **{name: value})) == reason


@pytest.mark.parametrize(
    "digests", [{"airflow.utils.state:": "bb"}, {**_BOUND.digests, "airflow.new:": "ee"}]
)
def test_code_that_appears_or_disappears_is_a_change(digests: dict[str, str]) -> None:
    assert _BOUND.change(replace(_BOUND, digests=digests)).endswith("is not the code that was certified")


def test_another_order_of_listeners_is_a_change() -> None:
    assert _BOUND.change(replace(_BOUND, listeners=("site.mail", "site.audit"))) == "listeners: another order"


def test_a_certificate_survives_its_text() -> None:
    again = Certificate.read(_CERTIFICATE.text())
    assert again == _CERTIFICATE and again.bound.change(_BOUND) == ""


def test_a_refused_trial_is_no_certificate() -> None:
    refused = replace(_CERTIFICATE, evidence={"refusals": ["a line did not run"]})
    with pytest.raises(CertificateError, match="refused"):
        Certificate.read(refused.text())


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"certificate": 1, "bound": {}, "evidence": {}}'])
def test_anything_else_is_no_certificate(text: str) -> None:
    with pytest.raises(CertificateError):
        Certificate.read(text)


def test_another_version_of_the_format_is_no_certificate() -> None:
    document = {**json.loads(_CERTIFICATE.text()), "certificate": 2}
    with pytest.raises(CertificateError, match="version 2, not 1"):
        Certificate.read(json.dumps(document))
