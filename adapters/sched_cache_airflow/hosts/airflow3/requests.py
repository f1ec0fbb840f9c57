"""Airflow 3: bundles; a request names one of them and the path in it."""

from __future__ import annotations

from typing import Any

from sched_cache_airflow.hosts.contract import ChangedFile, HostFolder


class BundleRequests:
    """Source: 3.3.2 models/dagbag.py `DagPriorityParsingRequest`, dag_processing/bundles/manager.py."""

    def folders(self) -> list[HostFolder]:
        """The bundles of `[dag_processor] dag_bundle_config_list` that are plain folders."""
        from airflow.dag_processing.bundles.manager import DagBundlesManager

        return [
            HostFolder(bundle.name, str(bundle.path))
            for bundle in DagBundlesManager().get_all_dag_bundles()
            if not bundle.supports_versioning
        ]

    def row(self, file: ChangedFile) -> dict[str, Any]:
        """Bundle and relative path."""
        return {"bundle_name": file.bundle, "relative_fileloc": file.relative}
