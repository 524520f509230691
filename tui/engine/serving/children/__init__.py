"""Servers of others that answer for us: llama.cpp and vLLM, each a child process spoken to over loopback.

The engine stays the one address: it starts a child when a model of its kind is asked for, passes requests and
answers through, and ends it.
"""
