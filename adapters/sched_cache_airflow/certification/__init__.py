"""The comparison of the fast path with the host's own path, on random DAGs and runs."""
