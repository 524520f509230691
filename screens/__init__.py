"""One screen per module; each shows core objects and sends core calls, and decides nothing."""
