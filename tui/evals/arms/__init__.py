"""Should I fine-tune at all? A long prompt, the nearest examples in the prompt, and the tuned model."""
