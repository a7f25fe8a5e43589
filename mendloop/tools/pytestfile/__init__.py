"""Reading a pytest file without running it: what its tests assert, and what of that can never fail."""
