"""Chat and completions of the local engine: decoding, sampling, fairness, OpenAI's two routes for text."""
