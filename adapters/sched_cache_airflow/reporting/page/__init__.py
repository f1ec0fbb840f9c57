"""The page in the Airflow UI, made from plain data: no host, no database, no script but one that picks the colours."""
