"""The plugin for Airflow 2: its schedulers, webservers and processors read compact DAGs, always fresh."""
