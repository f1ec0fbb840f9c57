"""A checkout of Airflow, and how its tests are found in it. No file of it is copied or written."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sched_cache_airflow.releases import release_of, supported

_NO_WARNINGS = "--disable-capture-warnings"
_RELEASE = re.compile(r"^(\d+\.\d+)\.\d+")
_VERSION = re.compile(r'^__version__ = "([^"]+)"', re.MULTILINE)


class CheckoutError(Exception):
    """The folder cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a major version of Airflow keeps its package and its tests.

    options_file: the module that adds options to pytest. linked: folders of the checkout that the tests look for beside
    them. paths: folders of the checkout from which the tests import. tests: the tests that concern the plugin, below
    `root`, the most important first.
    """

    version_file: str
    options_file: str
    root: str
    linked: tuple[str, ...]
    paths: tuple[str, ...]
    tests: tuple[str, ...]


_MODELS = ("dagrun", "dagbag", "serialized_dag", "taskinstance", "cleartasks", "mappedoperator", "xcom_arg")

AIRFLOW_3 = Layout(
    version_file="airflow-core/src/airflow/__init__.py",
    options_file="devel-common/src/tests_common/pytest_plugin.py",
    root="airflow-core/tests/unit",
    linked=("airflow-core/tests", "devel-common", "providers"),
    paths=("devel-common/src", "airflow-core/tests"),
    tests=(
        "jobs/test_scheduler_job.py",
        *(f"models/test_{name}.py" for name in (*_MODELS, "backfill", "taskmap", "dag_version")),
        "ti_deps",
        "listeners",
        "serialization/test_dag_serialization.py",
        "api_fastapi/core_api/routes/public/test_dags.py",
        "api_fastapi/core_api/routes/public/test_dag_run.py",
        "api_fastapi/core_api/routes/public/test_task_instances.py",
    ),
)
AIRFLOW_2 = Layout(
    version_file="airflow/__init__.py",
    options_file="tests/conftest.py",
    root="tests",
    linked=("tests",),
    paths=(),
    tests=(
        "jobs/test_scheduler_job.py",
        *(f"models/test_{name}.py" for name in (*_MODELS, "taskmap")),
        "ti_deps",
        "listeners",
        "serialization/test_dag_serialization.py",
        "api_connexion/endpoints/test_dag_endpoint.py",
        "api_connexion/endpoints/test_dag_run_endpoint.py",
        "api_connexion/endpoints/test_task_instance_endpoint.py",
    ),
)
_LAYOUTS: Mapping[str, Layout] = {"airflow3": AIRFLOW_3, "airflow2": AIRFLOW_2}

# The settings of pytest with which Airflow's tests run, in short. Its own file fails on warnings of libraries.
_PYTEST = """\
[tool.pytest.ini_options]
addopts = "--tb=short -p no:flaky -p no:nose -p no:legacypath --disable-warnings --asyncio-mode=strict"
forbidden_warnings = []
python_files = ["test_*.py"]
log_level = "INFO"
"""


@dataclass(frozen=True, slots=True)
class Checkout:
    """A checkout of one release."""

    folder: Path
    release: str
    layout: Layout

    @staticmethod
    def at(folder: Path) -> Checkout:
        """The checkout in `folder`.

        Raises:
            CheckoutError: it holds none, or one of a release that the plugin does not serve.
        """
        for name, layout in _LAYOUTS.items():
            file = folder / layout.version_file
            found = _VERSION.search(file.read_text()) if file.is_file() else None
            if found is None:
                continue
            release = release_of(found.group(1))
            if release is None or release.host.name != name:
                raise CheckoutError(
                    f"{folder} is Airflow {found.group(1)}; the plugin serves {supported()}, and stays off in others"
                )
            if not (folder / layout.root).is_dir():
                raise CheckoutError(
                    f"{folder} has no {layout.root}: it is a package, not a checkout of the repository"
                )
            return Checkout(folder.resolve(), found.group(1), layout)
        raise CheckoutError(
            f"{folder} is no checkout of Airflow: it has no {AIRFLOW_3.version_file} or {AIRFLOW_2.version_file}"
        )

    def chosen(self, tests: Sequence[str]) -> tuple[str, ...]:
        """Paths of tests below the root of the tests; without `tests`, those that concern the plugin.

        Raises:
            CheckoutError: the checkout has no such file or folder.
        """
        # Minor releases add and drop files, so only those that were asked for by name have to exist.
        root = self.folder / self.layout.root
        if not tests:
            return tuple(test for test in self.layout.tests if (root / test).exists())
        for test in tests:
            if not (root / test.partition("::")[0]).exists():
                raise CheckoutError(f"{self.folder} has no tests {self.layout.root}/{test}")
        return tuple(tests)

    def installable(self, release: str | None) -> str:
        """The release that is installed for the tests: that of the checkout, or `release`, of the same minor release.

        Raises:
            CheckoutError: `release` is of another one, or the checkout is between two releases and none is named.
        """
        own = _RELEASE.match(self.release)
        if own is None:
            raise CheckoutError(f"{self.folder} is Airflow {self.release}, which is not a release")
        if release is None:
            if own.group() != self.release:
                hint = f"name the release to install, such as --release {own.group()}"
                raise CheckoutError(f"{self.folder} is Airflow {self.release}, between releases; {hint}")
            return self.release
        if not release.startswith(f"{own.group(1)}."):
            raise CheckoutError(
                f"{self.folder} is Airflow {self.release}; {release} is of another minor release"
            )
        return release

    def options(self) -> tuple[str, ...]:
        """Options of pytest with which the tests write nothing into the checkout; 2.9 has none, and needs none."""
        file = self.folder / self.layout.options_file
        return (_NO_WARNINGS,) if file.is_file() and _NO_WARNINGS in file.read_text() else ()

    def lay_out(self, workspace: Path) -> None:
        """Makes a folder from which pytest runs the tests: links to the checkout, and settings.

        The tests run against the installed release. In the checkout they would import the package beside them.
        """
        workspace.mkdir(parents=True, exist_ok=True)
        for name in self.layout.linked:
            link = workspace / name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.unlink(missing_ok=True)
            link.symlink_to(self.folder / name)
        (workspace / "pyproject.toml").write_text(_PYTEST)
        # Airflow 3 compares the dependencies of the providers of the checkout with their digest; here there are none.
        generated = workspace / "generated"
        generated.mkdir(exist_ok=True)
        (generated / "provider_dependencies.json").write_text("{}")
        digest = hashlib.sha256().hexdigest()
        (generated / "provider_dependencies.json.sha256sum").write_text(f"{digest}\n")
