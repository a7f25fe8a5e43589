"""The roles: proposer, programmer, tester, executor, critic. One a file, each a protocol with its own small records."""
