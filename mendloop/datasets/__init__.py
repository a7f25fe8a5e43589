"""Data sets: which records count, their rows in an export format, and the card that describes them."""
