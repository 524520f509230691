"""Prices and estimates: what a job costs, with its formula and the day the price was read."""
