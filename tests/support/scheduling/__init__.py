"""DAGs, runs and their histories, for tests of scheduling on every host."""
