"""Results as a person reads them: one HTML page, its charts as pictures, a table for the README.

`page` needs the extra `bench`, and the rest does not.
"""
