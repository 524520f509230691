"""What numbers of a comparison mean: intervals, tests, and how many more rows would settle it."""
