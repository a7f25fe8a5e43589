"""The roles without a language model: real functions, injected faults, evidence."""
