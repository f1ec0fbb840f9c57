"""The Airflow plugin: its hosts, Airflow 3 and 2, read compact DAGs in place of their own."""
