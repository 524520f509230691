"""Training with TRL and PEFT: the worker for any open-weight model, on a GPU or on the processor.

It runs in an environment of its own (`tui.engine.environments`), on a copy of the modules that it needs
(`tui.engine.bundle`), and writes the same run folder as the embedded trainer, because the run loop is the
same: TRL's trainers say what a step is, `tui.engine.worker.run_job` says when which one is taken.
"""
