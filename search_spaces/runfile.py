"""Domains as run files write them: decoded strictly, with errors that name the gene.

learning_rate: {real: [0.001, 0.01], log: true}      d_model: {integer: [64, 256], step: 16}
activation: {choice: [gelu, swiglu]}                  num_layers: 4            (fixed)
num_heads: {integer: [1, 4]}   (of each layer)        data_mix: [0.7, 0.3]     (fixed shares)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from search_spaces.domains import Choice, Domain, Integer, Real, Simplex
from search_spaces.errors import SpaceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from search_spaces.genes import Gene
    from search_spaces.space import Space

Plain = bool | int | float | str

FORMS = (
    "{real: [low, high], log: true}",
    "{integer: [low, high], step: 16, log: true}",
    "{choice: [a, b]}",
    "{simplex: size}",
    "a plain value",
)


def space_from_json(space: Space, genes: Mapping[str, object]) -> Space:
    """Return the space narrowed as a run file says.

    Raises:
        SpaceError: no such gene, or a form, kind or value that does not suit it.
    """
    return space.narrowed(
        **{name: domain_from_json(space.gene(name), value) for name, value in genes.items()}
    )


def domain_from_json(gene: Gene, value: object) -> Domain:
    """Read a domain for `gene` from the plain data of a YAML or JSON run file.

    Raises:
        SpaceError: the form is unknown, or its kind or values do not suit the gene; names the gene.
    """
    try:
        domain = _decode(gene, value)
        return gene.narrowed(domain).domain
    except SpaceError as error:
        if f"gene {gene.name!r}" in error.law:
            raise
        raise SpaceError(f"gene {gene.name!r}: {error.law}", error.found, error.remedy) from error


def _decode(gene: Gene, value: object) -> Domain:
    match value:
        case bool() | int() | float() | str():
            return Choice((_plain(gene, value),))
        case list() if value and isinstance(gene.declared, Simplex):
            return Choice((Simplex(len(value)).clip([_share(gene, v) for v in value]),))
        case {"real": [low, high], **rest}:
            log = _options(gene, rest, frozenset({"log"})).get("log", False)
            return Real(_float(gene, low), _float(gene, high), log=_flag(gene, log))
        case {"integer": [low, high], **rest}:
            options = _options(gene, rest, frozenset({"log", "step"}))
            return Integer(
                _int(gene, low),
                _int(gene, high),
                step=_int(gene, options.get("step", 1)),
                log=_flag(gene, options.get("log", False)),
            )
        case {"choice": [*values], **rest}:
            _options(gene, rest, frozenset())
            return Choice(tuple(_option(gene, v) for v in values))
        case {"simplex": int(size), **rest} if not isinstance(size, bool):
            _options(gene, rest, frozenset())
            return Simplex(size)
    raise _error(gene, f"is written as one of {', '.join(FORMS)}", value)


def _options(
    gene: Gene, rest: Mapping[object, object], known: frozenset[str]
) -> Mapping[object, object]:
    if unknown := sorted(map(str, rest.keys() - known)):
        raise _error(gene, f"takes the options {sorted(known)} beside its bounds", unknown)
    return rest


def _plain(gene: Gene, value: Plain) -> Plain:
    # YAML 1.1 reads 1e-3 as text
    if isinstance(value, str) and isinstance(gene.declared, Real):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _option(gene: Gene, value: object) -> bool | int | float | str | tuple[float, ...]:
    match value:
        case bool() | int() | float() | str():
            return _plain(gene, value)
        case [*shares] if isinstance(gene.declared, Simplex):
            return Simplex(len(shares)).clip([_share(gene, v) for v in shares])
    raise _error(gene, "has plain values to choose among", value)


def _share(gene: Gene, value: object) -> float:
    share = _float(gene, value)
    if share < 0:
        raise _error(gene, "has shares that are not negative", value)
    return share


def _float(gene: Gene, value: object) -> float:
    try:
        if isinstance(value, int | float | str) and not isinstance(value, bool):
            return float(value)
    except (ValueError, OverflowError):
        pass
    raise _error(gene, "has numbers for bounds", value)


def _int(gene: Gene, value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise _error(gene, "has whole numbers for low, high and step", value)


def _flag(gene: Gene, value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise _error(gene, "has log: true or log: false", value)


def _error(gene: Gene, law: str, found: object) -> SpaceError:
    return SpaceError(
        f"gene {gene.name!r} {law}", f"got {found!r}", f"Give {gene.name!r} {gene.allowed()}."
    )
