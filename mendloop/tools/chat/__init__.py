"""Language models: one protocol, one module over the vendor's client, and the scripted model that tests use."""
