"""Reading tests as data: their statements, the forms of what they say, and the names they use."""
