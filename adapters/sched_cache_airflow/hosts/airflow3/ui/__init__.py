"""The page in the UI: a FastAPI app of the plugin, and the entries in the navigation that lead to it."""
