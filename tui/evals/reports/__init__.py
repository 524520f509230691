"""An evaluation as one file: Markdown, HTML or JSON; and its test set for promptfoo and inspect."""
