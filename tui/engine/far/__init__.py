"""What runs where the run folder is a mounted bucket: a worker on the machine's own disk, and its mirror."""
