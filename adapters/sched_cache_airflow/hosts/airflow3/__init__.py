"""The plugin for Airflow 3: its schedulers, API servers and processors read compact DAGs, always fresh."""
