"""Lessons that travel between sessions: the store's protocol, its embedding, and the index it keeps them in.

`open_memory` (mendloop.memory.opening) gives a store that works or says why it does not; everything in it can be
rebuilt from the journal.
"""
