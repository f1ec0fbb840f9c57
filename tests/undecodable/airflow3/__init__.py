"""The places where Airflow 3 takes a DAG."""
