"""The parts of the acceptance benchmark: recorded problems, what their programs did, the rules, and the truth."""
