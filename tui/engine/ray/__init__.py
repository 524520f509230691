"""What runs on a Ray cluster: a driver that starts the workers by Ray Train, and what each of them does."""
