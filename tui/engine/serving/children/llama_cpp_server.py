"""llama.cpp's own HTTP server, run by the Python that has xllamacpp; imports nothing of ours.

Its one argument is JSON with model, alias, port, context, threads and adapter; the key that clients must send
stands in the environment variable TUNEDECK_CHILD_KEY.
"""

from __future__ import annotations

import json
import os
import sys
import threading

SLOTS = 2
"""Answers written at once; they share the context."""


def main(argument: str) -> int:
    """Serve until the process is ended."""
    import xllamacpp  # 100 MB, in an environment of its own

    asked = json.loads(argument)
    params = xllamacpp.CommonParams()
    params.model.path = asked["model"]
    params.model_alias = [asked["alias"]]
    params.hostnames = ["127.0.0.1"]
    params.port = asked["port"]
    params.api_keys = [os.environ.pop("TUNEDECK_CHILD_KEY")]
    params.n_ctx = asked["context"]
    params.n_parallel = SLOTS
    params.kv_unified = True
    params.cpuparams.n_threads = asked["threads"]
    params.cpuparams_batch.n_threads = asked["threads"]
    params.use_jinja = True
    params.ui = False
    params.endpoint_slots = False
    params.cache_ram_mib = 256
    if asked.get("adapter"):
        params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(asked["adapter"], 1.0)]
    server = xllamacpp.Server(params)
    print(f"listening on {server.listening_address}", flush=True)  # noqa: T201 - its output is a log
    threading.Event().wait()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
