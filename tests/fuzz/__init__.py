"""Random damage to stored bytes and to documents, guided by how the format answers."""
