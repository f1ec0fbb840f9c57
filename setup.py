"""Package metadata. Settings of tools are in pyproject.toml, the pinned environments in tools/."""

from pathlib import Path

from setuptools import find_packages, setup

EXTRAS = {
    # The hosts. A bound may never move an operator's Airflow: the plugin itself refuses unknown versions.
    "airflow3": ["apache-airflow>=3,<4"],
    "airflow2": ["apache-airflow>=2.9,<3"],
    # Drivers and servers.
    "postgresql": ["psycopg2-binary>=2.9.5"],
    "mysql": ["pymysql>=1.0.2"],
    "redis-fast": ["hiredis>=2.3"],
    # Exporters.
    "prometheus": ["prometheus-client>=0.16"],
    "statsd": ["statsd>=3.3"],
    "otel": ["opentelemetry-api>=1.20"],
    # `sched-cache watch`.
    "watch": ["watchfiles>=0.20"],
    # The page of `sched-cache bench` and its charts.
    "bench": ["jinja2>=3.1.5", "matplotlib>=3.8"],
    # Working on this repository.
    "lint": ["ruff>=0.9", "mypy>=1.13", "import-linter>=2.1", "types-cachetools"],
}
EXTRAS["test"] = [
    # greenlet: the simulation plays threads step by step. jinja2: the page; Airflow 3, which shows it, brings it along.
    *("pytest>=8", "hypothesis>=6.100", "opentelemetry-sdk>=1.20", "greenlet>=3", "jinja2>=3.1.5"),
    *(
        requirement
        for extra in ("postgresql", "mysql", "prometheus", "statsd", "otel")
        for requirement in EXTRAS[extra]
    ),
]
EXTRAS["dev"] = EXTRAS["test"] + EXTRAS["lint"] + EXTRAS["bench"]

# Installed, `bench` goes by a name that nobody else has; in a checkout it is `python -m bench`.
BENCH = {
    name: "sched_cache_bench" + name.removeprefix("bench")
    for name in find_packages(include=["bench", "bench.*"])
}

setup(
    name="sched-cache",
    version="0.1.0",
    description="Slim, always fresh copies of Airflow DAGs for schedulers",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author="The sched_cache authors",
    license="Apache-2.0",
    license_files=["LICENSE"],
    keywords=["airflow", "scheduler", "cache", "redis", "msgpack"],
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Framework :: Apache Airflow",
        "Intended Audience :: System Administrators",
        "Operating System :: POSIX",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Typing :: Typed",
    ],
    python_requires=">=3.10",
    packages=[
        *find_packages(include=["sched_cache", "sched_cache.*"]),
        *find_packages("adapters"),
        *BENCH.values(),
    ],
    package_dir={
        "sched_cache_airflow": "adapters/sched_cache_airflow",
        **{installed: folder.replace(".", "/") for folder, installed in BENCH.items()},
    },
    package_data={
        "sched_cache": ["py.typed", "format/dictionary_*.bin"],
        "sched_cache_airflow": ["py.typed", "hosts/*/known_code.json"],
        "sched_cache_airflow.reporting.page": ["templates/*"],
        BENCH["bench.report"]: ["templates/*"],
    },
    install_requires=[
        "msgpack>=1.0.5",
        "sqlalchemy>=1.4.36,<2.2",
        # What a Celery host of Airflow 2.9 has is 4.6: its provider for Redis allows no 5.
        "redis>=4.5.2",
        "cachetools>=5.3",
        # The embedded default: with `redis_url="fake://"` the Redis tier runs inside the process.
        "fakeredis>=2.26",
    ],
    extras_require=EXTRAS,
    entry_points={
        "console_scripts": ["sched-cache = sched_cache.cli:main"],
        "airflow.policy": ["sched_cache = sched_cache_airflow.policy"],
        "airflow.plugins": ["sched_cache = sched_cache_airflow.plugin:SchedCachePlugin"],
        # More commands of `sched-cache`.
        "sched_cache.commands": [
            "airflow-trigger = sched_cache_airflow.triggers.command",
            "certify = sched_cache_airflow.certify",
            "watch = sched_cache_airflow.watch.command",
        ],
        # What `sched-cache doctor` examines besides database and Redis.
        "sched_cache.doctor": ["airflow = sched_cache_airflow.reporting.doctor:examine"],
    },
)
