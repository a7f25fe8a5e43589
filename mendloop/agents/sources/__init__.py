"""Files of the user's that problems are made from, read as data: nothing of them is imported or executed."""
