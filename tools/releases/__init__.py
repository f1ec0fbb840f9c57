"""The code of all releases of Airflow that the plugin serves or may serve, read from their packages."""
