"""The page in the Airflow UI, rendered from plain data. It knows no host and no database."""
