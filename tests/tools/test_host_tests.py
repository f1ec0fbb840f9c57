"""`make host-tests`: which checkouts it takes, how it runs the tests of one, and how it compares two runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tools.environments import Environment
from tools.host_tests import __main__ as command
from tools.host_tests.checkout import AIRFLOW_2, AIRFLOW_3, Checkout, CheckoutError, Layout
from tools.host_tests.comparison import Comparison, of_files
from tools.host_tests.environment import environment_of
from tools.host_tests.pinned_tests import PINNED
from tools.host_tests.runs import Run, RunError, run
from tools.interpreters import NoInterpreterError

USED = {"is_loaded": True, "is_on": True, "reason": "", "n_decided": 3, "n_dags": 8}
UNUSED = {"is_loaded": False}


def checkout_of(folder: Path, release: str, layout: Layout) -> Path:
    for name, text in {
        layout.version_file: f'__version__ = "{release}"\n',
        f"{layout.root}/models/test_dagrun.py": "def test_it(): assert 1\n\n\ndef test_other(): assert 0\n",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize(("release", "layout"), [("3.3.2", AIRFLOW_3), ("2.10.4", AIRFLOW_2)])
def test_a_checkout_is_known_by_its_version(tmp_path: Path, release: str, layout: Layout) -> None:
    found = Checkout.at(checkout_of(tmp_path, release, layout))
    assert (found.release, found.layout) == (release, layout)
    assert found.chosen(()) == ("models/test_dagrun.py",)
    assert found.chosen(["models"]) == ("models",)
    assert found.installable(None) == release


@pytest.mark.parametrize(
    ("release", "layout", "said"),
    [
        ("3.0.6", AIRFLOW_3, "the plugin serves"),
        ("2.7.3", AIRFLOW_2, "the plugin serves"),
        ("", AIRFLOW_2, "no checkout"),
    ],
)
def test_a_folder_that_cannot_be_used_is_refused(
    tmp_path: Path, release: str, layout: Layout, said: str
) -> None:
    with pytest.raises(CheckoutError, match=said):
        Checkout.at(checkout_of(tmp_path, release, layout))


def test_an_installed_package_is_no_checkout(tmp_path: Path) -> None:
    (tmp_path / "airflow").mkdir()
    (tmp_path / "airflow/__init__.py").write_text('__version__ = "2.10.4"\n')
    with pytest.raises(CheckoutError, match="has no tests"):
        Checkout.at(tmp_path)


def test_the_release_that_is_installed_is_that_of_the_checkout(tmp_path: Path) -> None:
    """Another patch release only if it is named, and another minor release never."""
    found = Checkout.at(checkout_of(tmp_path / "released", "3.3.0", AIRFLOW_3))
    assert found.installable("3.3.2") == "3.3.2"
    with pytest.raises(CheckoutError, match="another minor release"):
        found.installable("3.2.2")
    between = Checkout.at(checkout_of(tmp_path / "between", "3.3.0.dev0", AIRFLOW_3))
    with pytest.raises(CheckoutError, match=r"--release 3\.3\.0"):
        between.installable(None)
    assert between.installable("3.3.1") == "3.3.1"


def test_tests_that_the_checkout_lacks_are_named(tmp_path: Path) -> None:
    found = Checkout.at(checkout_of(tmp_path, "2.10.4", AIRFLOW_2))
    assert found.chosen(["models/test_dagrun.py::test_it"]) == ("models/test_dagrun.py::test_it",)
    with pytest.raises(CheckoutError, match=r"models/test_missing\.py"):
        found.chosen(["models/test_missing.py"])


def test_no_file_of_the_checkout_is_copied(tmp_path: Path) -> None:
    """It is laid out by links, again after another checkout."""
    workspace = tmp_path / "workspace"
    for name in ("first", "second"):
        folder = checkout_of(tmp_path / name, "2.10.4", AIRFLOW_2)
        Checkout.at(folder).lay_out(workspace)
        assert (workspace / "tests").is_symlink()
        assert (workspace / "tests").resolve() == folder / "tests"
    names = {path.name for path in workspace.rglob("*") if path.is_file() and not path.is_symlink()}
    assert names == {"pyproject.toml", "provider_dependencies.json", "provider_dependencies.json.sha256sum"}


def test_the_environment_has_the_release_and_no_plugin() -> None:
    """The packages that it limits itself are not taken from the pins that it shares."""
    environment = environment_of("3.2.0")
    assert environment.extras is None
    assert environment.like == "airflow-3.2.2"
    assert "apache-airflow==3.2.0" in environment.also
    names = {line.partition("==")[0] for line in environment.constraints().splitlines()}
    assert not names & {"fastapi", "starlette", "cadwyn", "pytest", "apache-airflow-core"}
    assert "msgpack" in names
    assert environment_of("2.10.2").like == "airflow-2.10.5"
    assert environment_of("3.3.1").like == "airflow-3.3.2"


def compared(without: dict[str, str], with_plugin: dict[str, str], expected: dict[str, str]) -> Comparison:
    return Comparison(Run(without, UNUSED), Run(with_plugin, USED), expected)


def test_equal_runs_are_good() -> None:
    """A test that fails in both is Airflow's, or the machine's."""
    outcomes = {"a.py::one": "passed", "a.py::two": "failed", "b.py::three": "skipped"}
    comparison = compared(outcomes, outcomes, {})
    assert comparison.is_good()
    assert list(comparison.verdict()) == []
    assert [line.split() for line in comparison.table()][1:] == [
        ["a.py", "1", "1", "0", "0", "0", "0"],
        ["b.py", "0", "0", "1", "0", "0", "0"],
        ["all", "1", "1", "1", "0", "0", "0"],
    ]


@pytest.mark.parametrize(
    ("without", "with_plugin"),
    [("passed", "failed"), ("skipped", "failed"), ("passed", None)],
)
def test_a_test_that_fails_only_with_the_plugin_is_named(without: str, with_plugin: str | None) -> None:
    """Also one that was not run at all."""
    outcomes = {} if with_plugin is None else {"a.py::one": with_plugin}
    comparison = compared({"a.py::one": without}, outcomes, {})
    assert not comparison.is_good()
    assert list(comparison.verdict()) == ["FAILS ONLY WITH THE PLUGIN: a.py::one"]


def test_an_expected_failure_is_good_and_shown_with_its_reason() -> None:
    comparison = compared({"a.py::one": "passed"}, {"a.py::one": "failed"}, {"a.py::one": "counts queries"})
    assert comparison.is_good()
    assert list(comparison.verdict()) == ["expected: a.py::one: counts queries"]


@pytest.mark.parametrize("outcome", ["passed", "skipped", None])
def test_an_expected_failure_that_does_not_happen_is_an_error(outcome: str | None) -> None:
    """The list would otherwise hide the next fault of that test."""
    outcomes = {} if outcome is None else {"a.py::one": outcome}
    comparison = compared(outcomes, outcomes, {"a.py::one": "counts queries"})
    assert not comparison.is_good()
    assert "a.py::one" in "".join(comparison.verdict())


def test_a_failure_without_the_plugin_only_is_shown() -> None:
    comparison = compared({"a.py::one": "failed"}, {"a.py::one": "passed"}, {})
    assert comparison.is_good()
    assert list(comparison.verdict()) == ["fails only without the plugin: a.py::one"]


@pytest.mark.parametrize(
    ("test", "n_decided", "is_partial", "said"),
    [
        ("jobs/test_scheduler_job.py::one", 0, False, "no decision came from the fast path: unknown code"),
        ("jobs/test_scheduler_job.py::one", 0, True, ""),
        ("jobs/test_scheduler_job.py::one", 1, False, ""),
        ("models/test_dagrun.py::one", 0, False, ""),
    ],
)
def test_tests_of_the_scheduler_without_a_decision_prove_nothing(
    test: str, n_decided: int, is_partial: bool, said: str
) -> None:
    outcomes = {f"tests/{test}": "passed"}
    use = {**USED, "n_decided": n_decided, "fallbacks": {"unknown code": 3}}
    comparison = Comparison(Run(outcomes, UNUSED), Run(outcomes, use), {}, is_partial)
    assert comparison.undecided() == said
    assert comparison.is_good()


def test_the_list_counts_for_the_tests_that_were_chosen() -> None:
    listed = {"tests/a.py::one": "", "tests/a.py::two[x]": "", "tests/deps/b.py::three": ""}
    assert set(of_files(listed, "tests", ["a.py"])) == {"tests/a.py::one", "tests/a.py::two[x]"}
    assert set(of_files(listed, "tests", ["a.py::two", "deps"])) == {
        "tests/a.py::two[x]",
        "tests/deps/b.py::three",
    }


def test_each_listed_test_has_a_reason_and_a_place() -> None:
    for prefix, tests in PINNED.items():
        root = AIRFLOW_2.root if prefix.startswith("2.") else AIRFLOW_3.root
        assert all(name.startswith(f"{root}/") and len(reason) > 20 for name, reason in tests.items())


@pytest.mark.parametrize(
    ("use", "said"),
    [
        (UNUSED, "did not load it"),
        ({**USED, "is_on": False, "reason": "[sched_cache] enabled is false"}, "enabled is false"),
        ({**USED, "n_decided": 0, "n_dags": 0}, "choose more tests"),
        ({"is_loaded": True, "is_on": True, "reason": ""}, "choose more tests"),
    ],
)
def test_a_run_in_which_the_plugin_did_nothing_is_an_error(use: dict[str, object], said: str) -> None:
    with pytest.raises(RunError, match=said):
        Run({"a.py::one": "passed"}, use).demand_use()


def test_a_run_without_the_plugin_that_has_it_is_an_error() -> None:
    Run({}, USED).demand_use()
    Run({}, UNUSED).demand_without()
    with pytest.raises(RunError, match="had it installed"):
        Run({}, USED).demand_without()


WITHOUT_WARNINGS = "    parser.addoption('--disable-capture-warnings', action='store_true')\n"


def planted(tmp_path: Path, text: str, more: str = "") -> Checkout:
    """A checkout with a test, and a `conftest.py` with the option that Airflow's has."""
    folder = checkout_of(tmp_path / "source", "2.10.4", AIRFLOW_2)
    (folder / "tests/conftest.py").write_text(
        "def pytest_addoption(parser):\n    parser.addoption('--with-db-init', action='store_true')\n" + more
    )
    (folder / "tests/models/test_dagrun.py").write_text(text)
    checkout = Checkout.at(folder)
    checkout.lay_out(tmp_path / "workspace")
    # Plugins of pytest that this environment lacks.
    (tmp_path / "workspace/pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    return checkout


EVERY_OUTCOME = """\
import pytest

def test_passes(): pass
def test_fails(): assert 0
def test_is_skipped(): pytest.skip("here")
@pytest.mark.xfail
def test_is_expected_to_fail(): assert 0
@pytest.fixture
def broken():
    yield
    assert 0
def test_is_torn_down_badly(broken): pass
"""


def test_a_run_gives_the_outcome_of_each_test(tmp_path: Path) -> None:
    """In the process of the tests, to which only the file of outcomes leads."""
    said: list[str] = []
    checkout = planted(tmp_path, EVERY_OUTCOME)
    found = run(checkout, Path(sys.executable), ["models"], tmp_path / "workspace", None, said.append)
    assert {test.partition("::")[2]: outcome for test, outcome in found.outcomes.items()} == {
        "test_passes": "passed",
        "test_fails": "failed",
        "test_is_skipped": "skipped",
        "test_is_expected_to_fail": "passed",
        "test_is_torn_down_badly": "failed",
    }
    assert found.use == UNUSED
    assert said[-1].startswith("without the plugin: 5 of 5 tests, 2 failed")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import os\ndef test_dies(): os._exit(3)\n", "ended before the last test; exit code 3"),
        ("", "found no test"),
    ],
)
def test_a_run_that_proves_nothing_is_an_error(tmp_path: Path, text: str, said: str) -> None:
    checkout = planted(tmp_path, text)
    with pytest.raises(RunError, match=said):
        run(checkout, Path(sys.executable), ["models"], tmp_path / "workspace", None, lambda line: None)


def test_warnings_are_not_written_into_the_checkout(tmp_path: Path) -> None:
    """Where Airflow's tests have the option."""
    text = "def test_it(pytestconfig): assert pytestconfig.getoption('--disable-capture-warnings')\n"
    checkout = planted(tmp_path, text, WITHOUT_WARNINGS)
    found = run(checkout, Path(sys.executable), ["models"], tmp_path / "workspace", None, lambda line: None)
    assert found.outcomes == {"tests/models/test_dagrun.py::test_it": "passed"}


def test_a_file_that_cannot_be_imported_fails(tmp_path: Path) -> None:
    checkout = planted(tmp_path, "import nothing_of_this_name\n")
    found = run(checkout, Path(sys.executable), ["models"], tmp_path / "workspace", None, lambda line: None)
    assert found.outcomes == {"tests/models/test_dagrun.py": "failed"}


@pytest.mark.parametrize("error", [NoInterpreterError("no 3.11"), subprocess.CalledProcessError(4, ["uv"])])
def test_an_environment_that_cannot_be_made_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    def ensure(environment: Environment) -> str:
        raise error

    monkeypatch.setattr(command, "ensure", ensure)
    assert command.main([str(checkout_of(tmp_path, "2.10.4", AIRFLOW_2))]) == 2
    assert "no 3.11" in (said := capsys.readouterr().out) or "exit code 4" in said


def test_a_wrong_folder_is_said_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([str(tmp_path)]) == 2
    assert len(capsys.readouterr().out.splitlines()) == 1


@pytest.mark.parametrize(("outcome", "code"), [("passed", 0), ("failed", 1)])
def test_the_exit_code_says_whether_the_plugin_changes_an_outcome(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    outcome: str,
    code: int,
) -> None:
    def ran(*arguments: object) -> Run:
        plugin = arguments[4]
        return Run({"a.py::one": outcome if plugin else "passed"}, USED if plugin else UNUSED)

    monkeypatch.setattr(command, "WORKSPACES", tmp_path / "workspaces")
    monkeypatch.setattr(command, "ensure", lambda environment: environment.name)
    monkeypatch.setattr(command, "install_plugin", lambda environment, folder: None)
    monkeypatch.setattr(command, "run", ran)
    assert command.main([str(checkout_of(tmp_path / "source", "2.10.2", AIRFLOW_2))]) == code
    said = capsys.readouterr().out
    assert "decisions by the fast path: 3; DAGs read: 8" in said
    assert ("FAILS ONLY WITH THE PLUGIN: a.py::one" in said) == (code == 1)
