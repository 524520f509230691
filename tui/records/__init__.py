"""Values that the store keeps, the providers fill in and the screens show; they import nothing of ours."""
