"""An operator's own serialized DAGs: read, never written, their names hashed unless asked for."""
