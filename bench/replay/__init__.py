"""An operator's own serialized DAGs, which are only read. Their names are hashed unless requested."""
