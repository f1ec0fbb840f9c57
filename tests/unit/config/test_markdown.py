from __future__ import annotations

from pathlib import Path

from sched_cache.config import Config, options
from sched_cache.config.markdown import config_markdown
from sched_cache_airflow.settings.markdown import READERS, airflow_markdown
from sched_cache_airflow.settings.settings import CORE_OPTIONS, OWN_OPTIONS

CONFIG_MD = Path(__file__).parents[3] / "CONFIG.md"


def test_config_md_is_what_the_code_says() -> None:
    """`python -m sched_cache_airflow.settings.markdown > CONFIG.md` after every change of an option."""
    assert CONFIG_MD.read_text(encoding="utf-8") == config_markdown() + airflow_markdown()


def test_it_is_told_who_reads_each_option_of_the_plugin() -> None:
    """The library's options and the plugin's own, and no other."""
    assert set(READERS) == {*CORE_OPTIONS, *OWN_OPTIONS}


def test_every_option_has_a_row() -> None:
    """With its environment name and something about it."""
    rows = [line for line in config_markdown().splitlines() if line.startswith("| `")]
    for declared, row in zip(options(Config), rows, strict=True):
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert len(cells) == 5
        assert cells[0] == f"`{declared.name}`<br>`{declared.environment_name}`"
        assert len(declared.doc) > 20
