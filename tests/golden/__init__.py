"""Stored bytes of every released format version, with the documents they stand for."""
