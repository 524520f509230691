"""Programs that measure; none is imported by the product."""
