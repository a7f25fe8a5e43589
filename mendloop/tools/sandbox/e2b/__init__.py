"""The cloud backend: rented machines without a network, through the SDK of e2b. Works on any system."""
