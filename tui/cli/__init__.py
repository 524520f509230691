"""The command line: one file per verb, thin; arguments in, a core call, text or JSON out, an exit code."""
