"""Results as a person reads them: one HTML page, its charts as pictures, a table for the README."""

from .page import write_report

__all__ = ["write_report"]
