"""Conversations with one or several models: asked, streamed, kept, exported; no Textual here."""
