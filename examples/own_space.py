"""A search space of your own: `gpt` with narrow domains, grouped queries and two optimizers.

Everything in the file is yours: `SPACE` is what the run file names (`own_space.py:SPACE`).
"""

from search_spaces.domains import Choice, Integer, PerLayer, Real
from search_spaces.gpt.space import GPT

SPACE = GPT.narrowed(
    num_layers=Integer(2, 3),
    d_model=Integer(64, 128, step=32),
    head_dim=Choice((32,)),
    num_heads=PerLayer(Integer(2, 4)),
    num_kv_heads=PerLayer(Integer(1, 2)),
    d_ff=PerLayer(Integer(128, 384, step=64)),
    optimizer=Choice(("adamw", "muon")),
    learning_rate=Real(1e-3, 1e-2, log=True),
)
