"""One field of a DAG that cannot be deserialized, wherever a process of the host takes a DAG; beside stock."""
