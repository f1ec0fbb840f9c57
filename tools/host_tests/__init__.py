"""`make host-tests`: Airflow's own tests, from a checkout that the user has, with and without the plugin."""
