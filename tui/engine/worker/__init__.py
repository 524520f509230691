"""The worker: one process that trains one job in its run folder."""
