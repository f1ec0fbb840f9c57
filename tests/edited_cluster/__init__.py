"""A stock scheduler and one with the plugin on one database, while DAGs are edited and runs are created."""
