"""The commands of the command line, grouped by what people do: run, read, check, take away."""
