"""What agents use: sandbox backends, value encoding, judging."""
