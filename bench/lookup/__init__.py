"""The data of the suite `lookup`, and the races that it tests caches with."""
