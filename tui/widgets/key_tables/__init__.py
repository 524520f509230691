"""The key table, split by who works where; `tui.widgets.keys` puts it together."""
