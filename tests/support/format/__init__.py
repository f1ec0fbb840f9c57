"""Documents, hostile bytes and exact comparison for tests of the format."""
