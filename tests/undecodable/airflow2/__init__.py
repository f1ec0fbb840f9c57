"""The places where Airflow 2.11 takes a DAG."""
