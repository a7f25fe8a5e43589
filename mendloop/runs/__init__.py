"""The run store, what drives it, and what reads it back: a run is a folder whose `run.db` is the truth."""
