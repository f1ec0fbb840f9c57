"""The trigger on PostgreSQL, and the roles with whose rights it may run code.

Its function is SECURITY DEFINER, so that a writer of `serialized_dag` needs no rights on our tables. Everything that
the function runs has the rights of its owner. No role can misuse these rights, because of the following rules.

| a role with few rights could | prevented because |
|---|---|
| create a temporary table or an operator that is found first | names are qualified, the search path is pinned |
| attach the function to a table with types and casts of its own | only the owner may execute it; it looks whose it is |
| create our table first or again, with a trigger on it | the function writes only to a table of its own owner |
| own the function, and replace it by one that runs as other writers | its owner is the owner of `serialized_dag` |
| be that owner, and wait until a superuser installs it | all objects are created as that owner, and run as it |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import MetaData, Table, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import ProgrammingError

from sched_cache.errors import StoreUnavailableError

_SUFFIX = "_note"

# A notice must never prevent the host's write. The hashes that every loop compares make up for a lost one. Therefore a
# dropped, renamed or locked table prevents no write, and a transaction waits for a lock only once.
_BODY = """
BEGIN
    IF TG_RELID IS DISTINCT FROM to_regclass({host_name}) OR NOT EXISTS (
        SELECT FROM pg_class AS c
        WHERE c.oid = to_regclass({written_name}) AND c.relkind = 'r' AND pg_get_userbyid(c.relowner) = CURRENT_USER
    ) OR current_setting('sched_cache.written_is_locked', true) = 'yes' THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'DELETE' THEN
        INSERT INTO {written} (dag_version_id) VALUES (OLD.dag_version_id::text);
    ELSIF TG_OP = 'INSERT' OR NEW.dag_hash IS DISTINCT FROM OLD.dag_hash THEN
        INSERT INTO {written} (dag_version_id) VALUES (NEW.dag_version_id::text);
    END IF;
    RETURN NULL;
EXCEPTION
    WHEN lock_not_available THEN
        PERFORM set_config('sched_cache.written_is_locked', 'yes', true);
        RETURN NULL;
    WHEN OTHERS THEN
        RAISE LOG 'sched_cache: a write to serialized_dag was not noted: %', SQLERRM;
        RETURN NULL;
END
"""
_FUNCTION = """
CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET lock_timeout = '100ms' AS {body}
"""
_TRIGGER = """
CREATE TRIGGER {name} AFTER INSERT OR UPDATE OR DELETE ON {host} FOR EACH ROW EXECUTE FUNCTION {function}()
"""
_FUNCTIONS = """
SELECT n.nspname AS schema, p.proname AS name, pg_get_userbyid(p.proowner) AS owner,
    pg_has_role(p.proowner, 'USAGE') AS may_replace,
    coalesce(p.proconfig @> ARRAY['search_path=pg_catalog, pg_temp'], false) AS is_pinned,
    EXISTS (
        SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a WHERE a.grantee <> p.proowner
    ) AS is_executable,
    pg_get_userbyid(h.relowner) AS host_owner,
    ARRAY(SELECT t.tgname::text FROM pg_trigger t WHERE t.tgfoid = p.oid AND t.tgrelid = h.oid) AS triggers
FROM pg_proc p
JOIN pg_namespace n ON n.oid = p.pronamespace
JOIN pg_namespace hn ON hn.nspname = :host_schema
JOIN pg_class h ON h.relnamespace = hn.oid AND h.relname = 'serialized_dag'
WHERE p.prosecdef AND p.prorettype = 'trigger'::regtype AND right(p.proname::text, 12) = 'written_note'
    AND (n.nspname IN (:host_schema, :schema)
        OR EXISTS (SELECT FROM pg_trigger t WHERE t.tgfoid = p.oid AND t.tgrelid = h.oid))
ORDER BY 1, 2
"""
_MAY_EXECUTE = """
SELECT DISTINCT CASE a.grantee WHEN 0 THEN '' ELSE pg_get_userbyid(a.grantee)::text END
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace,
    aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
WHERE n.nspname = :schema AND p.proname = :name AND a.grantee <> p.proowner
"""
_TABLE = """
SELECT pg_get_userbyid(c.relowner) AS owner, c.relkind = 'r' AS is_table,
    ARRAY(
        SELECT DISTINCT CASE a.grantee WHEN 0 THEN '' ELSE pg_get_userbyid(a.grantee)::text END
        FROM aclexplode(c.relacl) a WHERE a.privilege_type = 'TRIGGER' AND a.grantee <> c.relowner
    ) AS may_add_triggers,
    ARRAY(SELECT t.tgname::text FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal)
        || ARRAY(SELECT r.rulename::text FROM pg_rewrite r WHERE r.ev_class = c.oid) AS additions
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relname = :name AND n.nspname = :schema
"""


@dataclass(frozen=True, slots=True)
class TriggerFunction:
    """A function of ours in the database.

    triggers: those of `serialized_dag` that run it. weakness: how a role with few rights could run code as `owner`;
    empty if it could not. may_replace: whether the role of this connection may drop it.
    """

    schema: str
    name: str
    owner: str
    triggers: list[str]
    weakness: str
    may_replace: bool


class PostgresqlTrigger:
    """Creates and drops the trigger for one table of written versions, in one transaction.

    After its construction, unqualified names are those of PostgreSQL itself until the transaction ends.

    Args:
        host_schema: of Airflow's tables, and of ours if they name none; None: the current schema of the connection.
    """

    def __init__(self, connection: Connection, table: Table, host_schema: str | None = None) -> None:
        self._connection = connection
        schema = host_schema or connection.execute(text("SELECT pg_catalog.current_schema()")).scalar()
        if schema is None:
            raise StoreUnavailableError("the search path of this role names no schema")
        self._host_schema = str(schema)
        self._schema = table.schema or self._host_schema
        self._table = table.to_metadata(MetaData(), schema=self._schema)
        connection.exec_driver_sql("SET LOCAL search_path = pg_catalog, pg_temp")

    def functions(self) -> list[TriggerFunction]:
        """The functions for this Airflow, with any prefix: in the schema of its tables or ours, or run by its table."""
        names = {"host_schema": self._host_schema, "schema": self._schema}
        found = self._connection.execute(text(_FUNCTIONS), names).all()
        return [
            TriggerFunction(
                row.schema, row.name, row.owner, sorted(row.triggers), self._weakness(row), row.may_replace
            )
            for row in found
        ]

    def drop(self) -> list[str]:
        """Drops the functions and everything that runs them; the names of their triggers on `serialized_dag`.

        Raises:
            StoreUnavailableError: one belongs to a role that this connection may not act for.
        """
        functions = self.functions()
        for function in functions:
            if not function.may_replace:
                raise StoreUnavailableError(
                    f"the function {function.schema}.{function.name} belongs to the role {function.owner}: run this "
                    "command with a --database-url of that role, or of a superuser"
                )
        for function in functions:
            # CASCADE, because a role that may execute the function can have attached it to tables of its own.
            name = self._quoted(function.schema, function.name)
            self._run(f"DROP FUNCTION {name}() CASCADE")
        return sorted({trigger for function in functions for trigger in function.triggers})

    def create(self) -> str:
        """Creates table, function and trigger, all as the owner of `serialized_dag`; the name of the trigger.

        Raises:
            StoreUnavailableError: the connection may not act for that owner, or the table is not safe to write to.
        """
        owner = self._row_of(self._host_schema, "serialized_dag").owner
        self._become(owner)
        if self._row_of(self._schema, self._table.name) is None:
            self._table.create(self._connection, checkfirst=False)
        self._make_safe(owner)
        host = self._quoted(self._host_schema, "serialized_dag")
        written = self._quoted(self._schema, self._table.name)
        function = self._quoted(self._schema, f"{self._table.name}{_SUFFIX}")
        body = _BODY.format(host_name=_literal(host), written=written, written_name=_literal(written))
        self._run(_FUNCTION.format(function=function, body=_literal(body)))
        for role in self._connection.execute(
            text(_MAY_EXECUTE), {"schema": self._schema, "name": f"{self._table.name}{_SUFFIX}"}
        ).scalars():
            self._run(f"REVOKE ALL ON FUNCTION {function}() FROM {self._role(role)}")
        self._run(_TRIGGER.format(name=self._quoted(self._table.name), host=host, function=function))
        return self._table.name

    def _become(self, owner: str) -> None:
        try:
            self._run(f"SET LOCAL ROLE {self._quoted(owner)}")
        except ProgrammingError as error:
            raise StoreUnavailableError(
                f"serialized_dag belongs to the role {owner}, for which this one may not act: run this command with a "
                "--database-url of that role, or of a superuser"
            ) from error

    def _make_safe(self, owner: str) -> None:
        """Ensures that inserting into the table runs only code of `owner`."""
        found = self._row_of(self._schema, self._table.name)
        wrong = ""
        if found.owner != owner:
            wrong = f"belongs to the role {found.owner}"
        elif not found.is_table:
            wrong = "is not a table"
        elif found.additions:
            wrong = f"has triggers or rules: {', '.join(found.additions)}"
        if wrong:
            raise StoreUnavailableError(
                f"{self._schema}.{self._table.name} {wrong}, so that code of another role could run as {owner}. Find "
                "out where it comes from, drop it (it holds only notices), and run this command again"
            )
        for role in found.may_add_triggers:
            table = self._quoted(self._schema, self._table.name)
            self._run(f"REVOKE TRIGGER ON {table} FROM {self._role(role)}")

    def _weakness(self, row: Any) -> str:
        if not row.is_pinned:
            return "it finds its table by the search path of the role that writes"
        if row.is_executable:
            return "other roles may attach it to tables of their own"
        if row.owner != row.host_owner:
            return f"it does not belong to the owner of serialized_dag, {row.host_owner}"
        table = self._row_of(row.schema, row.name.removesuffix(_SUFFIX))
        if table is not None and (table.may_add_triggers or table.additions):
            return "other roles may have, or have, triggers on the table that it writes to"
        return ""

    def _row_of(self, schema: str, name: str) -> Any:
        return self._connection.execute(text(_TABLE), {"schema": schema, "name": name}).one_or_none()

    def _run(self, statement: str) -> None:
        # Without parameters, because a name may contain a `%`.
        self._connection.exec_driver_sql(statement, execution_options={"no_parameters": True})

    def _role(self, name: str) -> str:
        return self._quoted(name) if name else "PUBLIC"

    def _quoted(self, *names: str) -> str:
        return ".".join('"' + name.replace('"', '""') + '"' for name in names)


def _literal(value: str) -> str:
    """An SQL literal of any string."""
    return "E'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
