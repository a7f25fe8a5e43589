"""The ways in which a program goes wrong, grouped by idea."""
