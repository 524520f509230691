"""Python environments of their own for trainers and servers whose packages are too heavy, or clash, in ours.

Each wants another torch and transformers, gigabytes apiece, so each has a folder of its own below the data
directory, and runs as a process of its own. This program imports nothing of them.
"""
