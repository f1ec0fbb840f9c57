"""Real processes of Airflow that are started with wrong options of the plugin, several at once."""
