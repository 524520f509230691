"""What makes an answer right: one check per question that can be asked of it, each described by data."""
