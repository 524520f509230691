"""Training rows that are proposed: made by a model or on this machine, checked, and kept by a person."""
