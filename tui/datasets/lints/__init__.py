"""Quality lints: what a service accepts and a careful person would still want to know."""
