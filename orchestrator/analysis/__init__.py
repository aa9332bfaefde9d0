"""The game of a model's components, analysed: measurements in, findings out, and how they look.

subject     what is analysed: a member of a search, or a checkpoint of others      (reads files)
measuring   the measurements that the findings rest on                             (runs the model)
standing, credit, allocation, history, sizes      the findings, pure functions on arrays
findings    all of them as one value
figures, portrait, page, tables, telling          how they are shown
"""
