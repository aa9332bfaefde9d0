"""Members that several processes train together, with torch's FSDP2 (`fully_shard`).

`alone` and `rows` need no process group; `ranks` is imported where there is one.
"""

from trainers.distributed.alone import ALONE, Alone
from trainers.distributed.rows import Rows

__all__ = ["ALONE", "Alone", "Rows"]
