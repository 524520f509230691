"""Telling a person who looks elsewhere: what is news, where it is told, in which words, and once."""
