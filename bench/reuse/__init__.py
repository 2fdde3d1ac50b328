"""``make reuse``: what every way not to multiply twice costs, and when it pays.

A point is a strategy with its resources, on pixels of some depth: :mod:`.points`. It is measured by
the golden counter model, the RTL and synthesis: :mod:`.measure`. The page and its pictures are made
of the results alone: :mod:`.report`, :mod:`.plots`.
"""
