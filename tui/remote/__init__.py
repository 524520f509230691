"""Engines on other machines, reached with the system's ssh: deployed, tunnelled to, looked after."""
