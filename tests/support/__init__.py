"""Servers, processes, generators and faults that tests use; this folder has no tests."""
