"""The benchmark: what others would use instead, beside ours, in one run of one flow.

``python -m bench`` generates every design of :data:`bench.rows.ROWS`, checks each bit for bit on
real images, synthesises, places and routes it, and writes ``build/bench.json``. Nothing in hw/,
sw/ or sim/ imports this.
"""
