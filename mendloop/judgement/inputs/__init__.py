"""What valid arguments look like, learned from valid ones: domains of values, how they relate, and values drawn."""
