"""The run file's values: what is searched, on which text, with what budget and by which rules.

Unknown keys are errors and nothing is converted behind the user's back, except sizes (`8M`, `2GB`).
Reading a run file runs none of the code that it names, unless `OWN_CODE` is the context.
`load_run` (run_loading.py) reads a file into a `RunConfig`; `RunConfig.from_json` rebuilds one.
"""

from orchestrator.run_config.corpus import CorpusConfig, SourceConfig
from orchestrator.run_config.fitness import FitnessConfig, GameConfig
from orchestrator.run_config.population import (
    BudgetConfig,
    FreezeConfig,
    PopulationConfig,
    StopConfig,
)
from orchestrator.run_config.resources import CheckpointsConfig, MlflowConfig, ResourcesConfig
from orchestrator.run_config.run import BESIDE, RunConfig
from orchestrator.run_config.schedule import ScheduleConfig, StretchConfig
from orchestrator.run_config.section import OWN_CODE
from orchestrator.run_config.selection import ProposerConfig, SelectionConfig
from orchestrator.run_config.space import LimitsConfig, SpaceConfig
from orchestrator.run_config.training import TrainingConfig

__all__ = [
    "BESIDE",
    "OWN_CODE",
    "BudgetConfig",
    "CheckpointsConfig",
    "CorpusConfig",
    "FitnessConfig",
    "FreezeConfig",
    "GameConfig",
    "LimitsConfig",
    "MlflowConfig",
    "PopulationConfig",
    "ProposerConfig",
    "ResourcesConfig",
    "RunConfig",
    "ScheduleConfig",
    "SelectionConfig",
    "SourceConfig",
    "SpaceConfig",
    "StopConfig",
    "StretchConfig",
    "TrainingConfig",
]
