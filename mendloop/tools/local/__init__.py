"""Language models on this machine: known weights, where they lie, how they get here, and the server that runs them."""
