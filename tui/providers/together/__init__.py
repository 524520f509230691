"""Together AI: its own REST for files and jobs, OpenAI's shape for chats."""
