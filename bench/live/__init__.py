"""Living scheduler processes: `airflow scheduler` as it is, with an executor that ends tasks after a given time.

Nothing here is imported by the process that chooses and compares; Airflow is.
"""
