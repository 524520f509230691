"""A JSONL file: rows by number, formats, rules, tokens, the streaming check, splitting."""
