"""Policies, proposers and estimators by name: what their constructors take are their parameters.

A built-in has a name in its folder's registry; a user's own class is `package.module:Class`.
What a run file cannot know (the search space, say) is given by the one who builds the plug-in.
"""

from __future__ import annotations

import importlib
import inspect
import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from orchestrator.errors import Clause, UserError
from orchestrator.mistakes import LawsBroken, Mistake, gathered, suggestion
from orchestrator.own_plugins import OwnEstimator, OwnPolicy, OwnProposer, raised

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.events import JSON
    from orchestrator.horizon import HorizonEstimator
    from orchestrator.proposers import Proposer, WeightedProposers
    from orchestrator.run_config import FitnessConfig, ProposerConfig, SelectionConfig
    from orchestrator.selection import SelectionPolicy
    from search_spaces.space import Space

Plugin = Callable[..., Any]
"""A class: what it takes by keyword are its parameters."""
PROPOSERS_ARE_GIVEN = frozenset({"space"})


def make_policy(config: SelectionConfig) -> SelectionPolicy:
    """Build the selection policy of a run file.

    Raises:
        UserError: Its name or parameters are wrong.
    """
    from orchestrator.selection import POLICIES  # noqa: PLC0415 - only who builds needs it

    policy: SelectionPolicy = _made(
        config.policy, config.parameters, POLICIES, kind="policy", where="selection", given={}
    )
    if config.policy not in POLICIES:
        policy = OwnPolicy(policy=policy, where=f"selection.policy: {config.policy}")
    return policy


def make_estimator(config: FitnessConfig) -> HorizonEstimator:
    """Build the horizon estimator of a run file.

    Raises:
        UserError: Its name or parameters are wrong.
    """
    from orchestrator.horizon import ESTIMATORS  # noqa: PLC0415 - scipy

    estimator: HorizonEstimator = _made(
        config.horizon, config.parameters, ESTIMATORS, kind="horizon", where="fitness", given={}
    )
    if config.horizon not in ESTIMATORS:
        estimator = OwnEstimator(estimator=estimator, where=f"fitness.horizon: {config.horizon}")
    return estimator


def make_proposers(configs: Sequence[ProposerConfig], space: Space) -> WeightedProposers:
    """Build the proposers of a run file for a space.

    Raises:
        UserError: Names or parameters are wrong, those that only the proposer itself can check too.
    """
    from orchestrator.proposers import (  # noqa: PLC0415 - only who builds needs it
        PROPOSERS,
        WeightedProposer,
        WeightedProposers,
    )

    made = []
    for at, config in enumerate(configs):
        proposer: Proposer = _made(
            config.proposer,
            config.parameters,
            PROPOSERS,
            kind="proposer",
            where=f"proposers[{at}]",
            given={"space": space},
        )
        if config.proposer not in PROPOSERS:
            where = f"proposers[{at}].proposer: {config.proposer}"
            proposer = OwnProposer(proposer=proposer, where=where, space=space)
        before = sum(earlier.proposer == config.proposer for earlier in configs[:at])
        name = config.proposer if not before else f"{config.proposer}-{before + 1}"
        made.append(WeightedProposer(name=name, proposer=proposer, weight=config.weight))
    return WeightedProposers(tuple(made))


def check_plugin(
    name: str,
    parameters: Mapping[str, JSON],
    registry: Mapping[str, Plugin],
    *,
    kind: str,
    own_code: bool,
    given: frozenset[str] = frozenset(),
) -> None:
    """Check a plug-in's name and parameters as far as that is possible without what is given.

    A user's own is imported only if `own_code` says that its code may run.

    Args:
        name: Built-in name or import path.
        parameters: As written in the run file.
        registry: Built-in classes by name.
        kind: The key that names the plug-in in the run file, such as `policy`.
        own_code: Whether code of the user's own may run (see `orchestrator.trust`).
        given: Arguments that the builder gives and the run file may not.

    Raises:
        LawsBroken: All mistakes; keys start at the section of the plug-in.
    """
    if not own_code and ":" in name and name not in registry:
        return
    found = plugin_class(name, registry, kind=kind)
    values = _checked(found, parameters, given, name=name)
    if not given:
        _construct(found, values, name=name)


def plugin_class(name: str, registry: Mapping[str, Plugin], *, kind: str) -> Plugin:
    """Return the class of a built-in name or import path.

    Raises:
        LawsBroken: There is none.
    """
    if name in registry:
        return registry[name]
    law = f"`{kind}` is one of {', '.join(sorted(registry))}, or `package.module:Class`"
    path, colon, class_name = name.partition(":")
    if not colon:
        remedy = suggestion(name, registry)
        raise LawsBroken(Mistake(key=(kind,), law=law, found=f"`{name}`", remedy=remedy))
    told = f"`{name}`"
    try:
        found = getattr(importlib.import_module(path), class_name)
    except (ImportError, AttributeError) as error:
        found, told = None, f"`{name}` ({error})"
    except Exception as error:  # noqa: BLE001 - whatever a user's own module raises
        found, told = None, f"`{name}` (importing it raised {raised(error)})"
    if not callable(found):
        remedy = "Check the spelling; the module must be installed or on PYTHONPATH."
        raise LawsBroken(Mistake(key=(kind,), law=law, found=told, remedy=remedy))
    plugin: Plugin = found
    return plugin


def parameter_types(found: Plugin, given: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Return the types of a constructor's arguments by name, less those that are given.

    Any stands for a type that only type checkers know: the constructor itself checks the value.
    """
    module = dict(vars(sys.modules[found.__module__]))
    types = {}
    for name, argument in inspect.signature(found).parameters.items():
        if name in given or argument.kind in (argument.VAR_KEYWORD, argument.VAR_POSITIONAL):
            continue
        written = argument.annotation
        try:
            # an annotation as its own module would read it
            types[name] = eval(written, module) if isinstance(written, str) else written  # noqa: S307
        except NameError:
            types[name] = Any
    return types


def _made(
    name: str,
    parameters: Mapping[str, JSON],
    registry: Mapping[str, Plugin],
    *,
    kind: str,
    where: str,
    given: Mapping[str, object],
) -> Any:
    try:
        found = plugin_class(name, registry, kind=kind)
        values = _checked(found, parameters, frozenset(given), name=name)
        return _construct(found, {**values, **given}, name=name)
    except LawsBroken as broken:
        errors = [
            UserError(
                where=".".join([where, *map(str, mistake.key)]),
                law=mistake.law,
                found=mistake.found,
                remedy=mistake.remedy,
            )
            for mistake in broken.mistakes
        ]
        raise gathered(tuple(errors)) from None


def _checked(
    found: Plugin, parameters: Mapping[str, JSON], given: frozenset[str], *, name: str
) -> dict[str, Any]:
    types = parameter_types(found, given)
    values: dict[str, Any] = {}
    mistakes = []
    for key, written in parameters.items():
        if key not in types:
            law = f"the parameters of `{name}` are: {', '.join(types) or 'none'}"
            remedy = suggestion(key, types) if types else "Delete it."
            mistakes.append(Mistake(key=(key,), law=law, found=f"`{key}`", remedy=remedy))
            continue
        try:
            # as JSON: a list becomes a tuple, but text does not become a number
            values[key] = TypeAdapter(types[key]).validate_json(json.dumps(written), strict=True)
        except ValidationError as error:
            reason = error.errors(include_url=False)[0]["msg"]
            law = f"`{key}` of `{name}` must fit its type: {reason}"
            remedy = "Check the value."
            mistakes.append(Mistake(key=(key,), law=law, found=repr(written), remedy=remedy))
    if mistakes:
        raise LawsBroken(*mistakes)
    return values


def _construct(found: Plugin, values: Mapping[str, Any], *, name: str) -> Any:
    try:
        return found(**values)
    except (TypeError, ValueError) as error:
        raise LawsBroken(_refusal(error, values, name=name)) from None
    except Exception as error:
        if ":" not in name:
            raise  # a built-in: our fault
        told = Mistake(
            law=f"`{name}` can be made",
            found=Clause(f"it raised {raised(error)}"),
            remedy="Mend it, or take another one.",
        )
        raise LawsBroken(told) from None


def _refusal(error: Exception, values: Mapping[str, Any], *, name: str) -> Mistake:
    """Take apart a message of the form `law, but got facts. Remedy`, or quote another one."""
    law, but_got, rest = str(error).partition(", but got ")
    if but_got:
        fact, _, remedy = rest.partition(". ")
        law = f"`{name}`: {law}"
    else:
        told, _, remedy = str(error).partition(". ")
        written = ", ".join(f"{k}={v!r}" for k, v in values.items() if isinstance(v, str | int))
        fact = f"{written or 'none'} ({told.removesuffix('.')})"
        law = f"`{name}` must accept its parameters"
    remedy = remedy or "Check its parameters."
    return Mistake(law=law, found=fact.removesuffix("."), remedy=remedy)
