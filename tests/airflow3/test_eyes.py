"""The views of a running Airflow for operators: the page in its UI, in a real browser, and `sched-cache doctor`.

Set ``SCHED_CACHE_SCREENSHOTS`` to a folder to look at the pages afterwards.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from tests.airflow3.support.browser import Chromium, Tab
from tests.airflow3.support.content import DagContent
from tests.airflow3.support.processes import processes, wait_until_served
from tests.hosts.end_to_end.installation import started
from tests.hosts.home import AirflowHome
from tests.hosts.metadata_db import SqliteMetadataDb
from tests.hosts.subject import OFF, PLUGIN
from tests.support.servers import required
from tests.support.servers.process import free_port

COMPONENTS = ("scheduler", "dag-processor", "triggerer", "api-server")
_DAG_IDS = ("bakery", "dairy")
_PAGE = "document.querySelector('iframe')?.contentDocument"


@dataclass(frozen=True, slots=True)
class Watched:
    """An Airflow on SQLite with one process of each kind, below a path of its host, whose every user has to log in."""

    url: str
    environment: Mapping[str, str]
    database: Path

    def doctor(self, *arguments: str, **options: str) -> tuple[int, list[dict[str, Any]]]:
        """(exit code, findings) of the command, beside the processes."""
        done = subprocess.run(
            [sys.executable, "-m", "sched_cache", "doctor", "--json", *arguments],
            env={**self.environment, **options},
            cwd=self.database.parent,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return done.returncode, json.loads(done.stdout)

    def status_of(self, path: str, headers: Mapping[str, str]) -> tuple[int, str]:
        """(status, body) of a GET."""
        request = urllib.request.Request(self.url + path, headers=dict(headers))
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def token(self) -> dict[str, str]:
        """The header of somebody who has logged in."""
        request = urllib.request.Request(
            self.url + "/auth/token",
            data=json.dumps({"username": "ann", "password": "annsword"}).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=120) as answer:
            return {"Authorization": f"Bearer {json.load(answer)['access_token']}"}


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    """Running, with two DAGs that were scheduled."""
    api_port = free_port()
    url = f"http://127.0.0.1:{api_port}/team"
    with ExitStack() as stack:
        database = SqliteMetadataDb()
        stack.callback(database.stop)
        home = AirflowHome(
            database.url,
            options={
                "AIRFLOW__API__BASE_URL": url,
                "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
                "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
                "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "ann:admin",
                "AIRFLOW__SCHED_CACHE__PROCESS_REPORT_SECONDS": "2",
            },
        )
        stack.callback(home.remove)
        passwords = home.path / "passwords.json"
        passwords.write_text('{"ann": "annsword"}')
        for dag_id in _DAG_IDS:
            DagContent(dag_id, ("knead", "rise", "bake"), command=None, schedule=5).save(home.dags)
        environment = {
            **os.environ,
            **home.environment,
            **PLUGIN.environment(),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        }
        database.start(environment)
        running = processes(environment, home.path / "output", api_port=api_port, n_schedulers=1)
        with started(running):
            wait_until_served(running, url)
            yield Watched(url, environment, Path(database.url.removeprefix("sqlite:///")))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    with required():
        browser = Chromium()
    with browser:
        yield browser


@pytest.fixture
def tab(chromium: Chromium, watched: Watched) -> Iterator[Tab]:
    """A tab in which ann has logged in, as people do."""
    with chromium.new_tab() as tab:
        tab.open(watched.url)
        if not tab.wait_for(
            "document.querySelector('nav, [data-testid]') ? 'in' : "
            "document.querySelector('input[name=username]') && 'out'",
            what="neither in nor out",
        ).startswith("in"):
            tab.fill("input[name=username]", "ann")
            tab.fill("input[name=password]", "annsword")
            tab.click("button[type=submit]")
        tab.wait_for("document.body.innerText.includes('Browse')", what="not logged in")
        tab.errors.clear()  # Airflow's own log-in page asks for what nobody may see yet
        yield tab


def shown(tab: Tab, text: str) -> str:
    """The text of our page, once it has `text`."""
    wanted = json.dumps(text)
    tab.wait_for(f"{_PAGE}?.body?.innerText.includes({wanted})", what=f"the page does not show {text!r}")
    return str(tab.evaluate(f"{_PAGE}.body.innerText"))


def assert_tidy(tab: Tab, name: str) -> None:
    """Nothing is wider than its place, in any colours and sizes, and the browser has no complaints."""
    for theme in ("light", "dark"):
        for width in (1280, 700, 400):
            tab.resize(width, 900)
            tab.evaluate(f"{_PAGE}.documentElement.setAttribute('data-theme', '{theme}')")
            too_wide = tab.evaluate(
                f"""[...{_PAGE}.querySelectorAll('main, main > *, .card, .tile .value')]
                    .filter(e => !e.classList.contains('scroll') && e.scrollWidth > e.clientWidth + 1)
                    .map(e => e.outerHTML.slice(0, 120))"""
            )
            assert too_wide == [], (theme, width)
            if folder := os.environ.get("SCHED_CACHE_SCREENSHOTS"):
                tab.screenshot(Path(folder, f"{name}-{theme}-{width}.png"))
    assert tab.errors == []


def test_the_navigation_leads_to_the_cluster(tab: Tab) -> None:
    """Every process, and whether the plugin serves there; every DAG, with a way to its own view."""
    tab.click("button", "Browse")
    tab.click("a, [role=menuitem]", "Scheduler cache")
    tab.wait_for(
        f"{json.dumps(COMPONENTS)}.every(name => {_PAGE}?.body?.innerText.includes(name))",
        what="not every process is on the page",
    )
    text = shown(tab, "4 processes")
    assert text.count("serving") == len(COMPONENTS)
    assert "Airflow's own path\n0" in text
    for dag_id in _DAG_IDS:
        assert dag_id in text
    assert_tidy(tab, "cluster")
    tab.evaluate(f"[...{_PAGE}.querySelectorAll('a')].find(a => a.innerText === 'bakery').click()")
    assert "3 tasks, 0 edges" in shown(tab, "Versions")


def test_each_dag_has_a_tab(tab: Tab, watched: Watched) -> None:
    """Its versions with their hashes and sizes, who has it in memory, and its graph."""
    tab.open(f"{watched.url}/dags/dairy")
    tab.click("a", "Cache")
    text = shown(tab, "Versions")
    for word in ("dairy", "version 1", "JSON in Airflow's table", "hot", "cold", "scheduler", "parsed_seq"):
        assert word in text
    assert tab.evaluate(f"{_PAGE}.querySelectorAll('svg circle').length") == 3
    assert_tidy(tab, "dag")


def test_colours_follow_the_choice_made_in_airflow(tab: Tab, watched: Watched) -> None:
    """Its own pages keep it in the browser, where ours look for it."""
    for theme in ("dark", "light"):
        tab.evaluate(f"localStorage.setItem('theme', '{theme}')")
        tab.open(f"{watched.url}/plugin/sched-cache")
        tab.wait_for(f"{_PAGE}?.documentElement?.dataset.theme === '{theme}'", what=f"not {theme}")


@pytest.mark.parametrize("path", ["/sched_cache/", "/sched_cache/dag?dag_id=bakery"])
def test_nothing_is_shown_to_strangers(watched: Watched, path: str) -> None:
    """No word of the cluster without the host's own authentication."""
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Cookie": "_token=nonsense"}):
        status, body = watched.status_of(path, headers)
        assert status in (401, 403)
        assert "bakery" not in body
        assert "scheduler on" not in body


def test_an_unknown_dag_is_no_error(watched: Watched) -> None:
    """Its name comes back escaped."""
    status, body = watched.status_of(
        "/sched_cache/dag?dag_id=%3Cscript%3Ealert(1)%3C/script%3E", watched.token()
    )
    assert status == 200
    assert "<script>alert" not in body
    assert "&lt;script&gt;alert(1)" in body


def test_tables_that_cannot_be_read_are_told_on_the_page(watched: Watched) -> None:
    """The page reports the tables that cannot be read, and shows the rest."""
    headers = watched.token()
    # On SQLite they are in a file of their own, beside Airflow's.
    tables = watched.database.with_name(f"{watched.database.stem}.sched_cache{watched.database.suffix}")
    with closing(sqlite3.connect(tables, timeout=30)) as connection:
        # A table that is missing would be created by the next report.
        connection.execute("ALTER TABLE sched_cache_process RENAME COLUMN facts TO elsewhere")
    try:
        status, body = watched.status_of("/sched_cache/", headers)
        assert status == 200
        assert "The reports of the processes could not be read" in body
        assert "bakery" in body
    finally:
        with closing(sqlite3.connect(tables, timeout=30)) as connection:
            connection.execute("ALTER TABLE sched_cache_process RENAME COLUMN elsewhere TO facts")


# Airflow imports what warns.
@pytest.mark.filterwarnings("ignore:Using `httpx` with")
@pytest.mark.parametrize(
    "error", [OperationalError("SELECT 1", {}, OSError("gone")), OSError("gone"), KeyError("x")]
)
def test_an_error_before_the_page_is_a_page_too(error: Exception) -> None:
    """As of the access check, which may need a database that does not answer. No traceback, no status of 500."""
    import httpx

    from sched_cache_airflow.hosts.airflow3.ui.app import make_app
    from sched_cache_airflow.hosts.installed import host_process

    def fail() -> None:
        raise error

    async def get() -> httpx.Response:
        app = make_app(host_process())
        app.add_api_route("/fails", fail)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.get("/fails")

    answer = asyncio.run(get())
    assert answer.status_code == 503
    assert type(error).__name__ in answer.text
    assert "gone" not in answer.text


def test_doctor_finds_every_process(watched: Watched) -> None:
    """Host, entry points, options with their sources, tables, and each process; exit code 0."""
    code, findings = watched.doctor()
    assert [finding for finding in findings if not finding["is_well"]] == []
    assert code == 0
    found = {finding["what"]: finding["found"] for finding in findings}
    assert found["airflow"].endswith("supported")
    assert found["airflow.policy"] == "sched_cache_airflow.policy"
    assert found["airflow.plugins"] == "sched_cache_airflow.plugin:SchedCachePlugin"
    assert found["option enabled"] == "True, from AIRFLOW__SCHED_CACHE__ENABLED"
    for component in COMPONENTS:
        (words,) = [said for what, said in found.items() if what.startswith(f"{component} on ")]
        assert words.startswith("the plugin serves")


def test_doctor_tells_off_from_broken(watched: Watched) -> None:
    """3: nothing is wrong, and the plugin is not in use. 1: something is wrong."""
    code, findings = watched.doctor(**OFF)
    assert code == 3
    assert [finding["what"] for finding in findings if finding["is_off"]] == ["option enabled"]
    code, findings = watched.doctor(AIRFLOW__SCHED_CACHE__L1_MAX_BYTES="many")
    assert code == 1
    (finding,) = [finding for finding in findings if not finding["is_well"]]
    assert "l1_max_bytes" in finding["found"]
