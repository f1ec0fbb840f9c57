"""Changes of the host's behaviour that the comparison must detect before its silence counts.

Each mutant wraps one function of the host. It acts on task instances that the plugin does not look at, or on results
that the plugin computes itself. A change of what the host's code does with task instances for which the plugin calls it
would be the same on both ways, and harmless.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

from sched_cache_airflow.patching.replacement import NotReplaceableError, Replacements, part_of

Function = Callable[..., Any]

_RULES: Final = (
    *("all_success", "all_failed", "all_done", "all_skipped"),
    *("one_success", "one_failed", "one_done"),
    *("none_failed", "none_failed_min_one_success", "none_skipped"),
)
_TRIGGER_RULE: Final = "airflow.ti_deps.deps.trigger_rule_dep:TriggerRuleDep._get_dep_statuses"
_STATES_ABOVE: Final = "airflow.ti_deps.deps.trigger_rule_dep:_UpstreamTIStates.calculate"
_DECISIONS: Final = "airflow.models.dagrun:DagRun.task_instance_scheduling_decisions"
_ROWS: Final = "airflow.models.dagrun:DagRun.get_task_instances"
_LEAVES: Final = "airflow.models.dagrun:DagRun._tis_for_dagrun_state"


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change. path: the function of the host, `module:Class.function`. wrap: makes the other one of it."""

    name: str
    path: str
    wrap: Callable[[Function], Function]

    @contextmanager
    def planted(self) -> Iterator[None]:
        """The host has this behaviour within the block. The plugin must not be installed yet.

        Raises:
            NotReplaceableError: the host has no such function.
        """
        module, _, names = self.path.partition(":")
        class_name, _, name = names.partition(".")
        try:
            owner = part_of(import_module(module), class_name)
        except ModuleNotFoundError:
            raise NotReplaceableError(f"there is no {module}") from None
        replacements = Replacements()
        replacements.replace(owner, name, self.wrap)
        try:
            yield
        finally:
            replacements.undo()


def _passes_early(rule: str) -> Callable[[Function], Function]:
    def wrap(stock: Function) -> Function:
        def statuses(self: Any, ti: Any, *arguments: Any, **options: Any) -> Any:
            if ti.task.trigger_rule == rule:
                return iter(())
            return stock(self, ti, *arguments, **options)

        return statuses

    return wrap


def _reaches_further(cause: str, effect: str, rule: str) -> Callable[[Function], Function]:
    """A task instance with this rule gets the state `effect` as soon as one above it has the state `cause`."""

    def wrap(stock: Function) -> Function:
        def statuses(self: Any, ti: Any, *arguments: Any, **options: Any) -> Any:
            context = next(one for one in (*arguments, *options.values()) if hasattr(one, "finished_tis"))
            above = ti.task.upstream_task_ids if ti.task.trigger_rule == rule else ()
            if any(one.task_id in above and one.state == cause for one in context.finished_tis or ()):
                session = options["session"] if "session" in options else arguments[0]
                context.have_changed_ti_states = ti.set_state(effect, session=session)
            return stock(self, ti, *arguments, **options)

        return statuses

    return wrap


def _counts_twice(stock: Function) -> Function:
    def calculate(cls: Any, finished_upstreams: Iterable[Any]) -> Any:
        rows = list(finished_upstreams)
        return stock(cls, iter([*rows, *rows]))

    return calculate


def _overlooks_the_last(stock: Function) -> Function:
    def get_task_instances(self: Any, *arguments: Any, **options: Any) -> Any:
        found = list(stock(self, *arguments, **options))
        return found[:-1] if len(found) > 1 else found

    return get_task_instances


def _all_are_leaves(stock: Function) -> Function:
    def leaves(self: Any, *, dag: Any, tis: Iterable[Any]) -> Any:
        return list(tis)

    return leaves


def _decides(change: Callable[[Any], Any]) -> Callable[[Function], Function]:
    """The host's own decisions, changed afterwards. Not asked on the fast path."""

    def wrap(stock: Function) -> Function:
        def decisions(self: Any, *arguments: Any, **options: Any) -> Any:
            return change(stock(self, *arguments, **options))

        return decisions

    return wrap


def _ends_beside_a_running_one(decision: Any) -> Any:
    unfinished = [ti for ti in decision.unfinished_tis if ti.state != "running"]
    return decision._replace(unfinished_tis=unfinished)


def _goes_on_after_a_skip(decision: Any) -> Any:
    skipped = [ti for ti in decision.finished_tis if ti.state == "skipped"]
    return decision._replace(unfinished_tis=[*decision.unfinished_tis, *skipped])


def _respects_a_limit(decision: Any) -> Any:
    return decision._replace(schedulable_tis=decision.schedulable_tis[:1])


MUTANTS: Final = (
    *(Mutant(f"{rule} passes early", _TRIGGER_RULE, _passes_early(rule)) for rule in _RULES),
    Mutant("a skip reaches further", _TRIGGER_RULE, _reaches_further("skipped", "skipped", "all_done")),
    Mutant(
        "a failure reaches further", _TRIGGER_RULE, _reaches_further("failed", "upstream_failed", "all_done")
    ),
    Mutant("a task instance above is counted twice", _STATES_ABOVE, _counts_twice),
    Mutant("the last task instance is overlooked", _ROWS, _overlooks_the_last),
    Mutant("every task instance decides the end of a run", _LEAVES, _all_are_leaves),
    Mutant("a run ends beside a running task", _DECISIONS, _decides(_ends_beside_a_running_one)),
    Mutant("a run goes on after a skipped task", _DECISIONS, _decides(_goes_on_after_a_skip)),
    Mutant("a limit ends the list of ready tasks", _DECISIONS, _decides(_respects_a_limit)),
)
