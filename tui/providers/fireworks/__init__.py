"""Fireworks AI: its own REST for datasets and jobs, OpenAI's shape for chats."""
