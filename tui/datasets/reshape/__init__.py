"""New files of the rows of old ones: split, sample, shuffle, dedupe, merge, cut, delete.

Every operation makes a `Plan` first, which holds row numbers and no rows; `write_plan` then copies bytes. A
row that is not cut keeps its bytes and its line end; a last row without one gets one. Blank lines are left
out. A byte order mark is no part of the first row: each new file has one when the (first) source has one.
"""
