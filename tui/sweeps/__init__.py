"""Searches over many jobs: what is tried, in which order, under which caps, and which trial was best."""
