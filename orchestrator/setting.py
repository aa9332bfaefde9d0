"""From a run file to what a search needs: its rules, its corpus and its trainers' settings."""

from __future__ import annotations

import math
import os
import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from orchestrator.errors import UserError
from orchestrator.fitness import Scorer
from orchestrator.proposers import make_proposers
from orchestrator.randomness import generator
from orchestrator.rules import Rules
from orchestrator.selection import make_policy
from search_spaces.gpt.cost import flops_per_token
from search_spaces.loading import load_space
from trainers.settings import TrainerSettings

if TYPE_CHECKING:
    from orchestrator.events import JSON
    from orchestrator.run_config import RunConfig
    from trainers.data import Corpus


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A run, resolved on this machine."""

    rules: Rules
    corpus: Corpus
    settings: TrainerSettings
    environment: dict[str, JSON]
    """Versions and places, for the record."""
