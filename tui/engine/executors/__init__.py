"""Who runs a job's worker: this machine, or whatever else takes the same run folder and the same command."""
