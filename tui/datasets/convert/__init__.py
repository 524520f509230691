"""Other shapes of training data to ours and back: readers, mappings, writers, and lists of what gets lost."""
