"""Genes: the fields of the two halves of a genome whose annotations say what may be searched."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    TypeGuard,
    get_args,
    get_origin,
    get_type_hints,
)

from search_spaces.domains import Choice, Domain, Integer, PerLayer, Real, ScalarDomain, Simplex
from search_spaces.errors import SpaceError

if TYPE_CHECKING:
    from search_spaces.gpt.architecture import Architecture
    from search_spaces.gpt.protocol import Protocol

Half = Literal["architecture", "protocol"]


@dataclass(frozen=True, slots=True)
class ActiveWhen:
    """A condition: the gene counts only while gene `gene` has one of `values`."""

    gene: str
    values: tuple[bool | int | str, ...]

    def holds(self, half: Architecture | Protocol) -> bool:
        """Say whether the gene counts; the deciding gene is of the same half."""
        return getattr(half, self.gene) in self.values


@dataclass(frozen=True, slots=True)
class Within:
    """What trainers can run at all: a user's domain may be wider than ours, but not than this."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Gene:
    """One searched value of the genome."""

    name: str
    domain: Domain
    half: Half
    condition: ActiveWhen | None
    declared: Domain
    """The domain of the annotation: it decides which kinds of domain the gene may be given."""
    within: Within | None

    @property
    def is_fixed(self) -> bool:
        """Whether the domain holds one value only."""
        return self.domain.is_fixed

    def narrowed(self, domain: Domain) -> Gene:
        """Return the gene with another domain of an allowed kind.

        Raises:
            SpaceError: the kind does not suit the gene, or a value is not one trainers can run.
        """
        match self.declared:
            case PerLayer(item=item, length=length):
                if isinstance(domain, PerLayer) and domain.length != length:
                    raise self._error(f"has its length from {length!r}", repr(domain))
                given = domain.item if isinstance(domain, PerLayer) else domain
                return dataclasses.replace(
                    self, domain=PerLayer(self._scalar(item, given), length=length)
                )
            case Simplex():
                return dataclasses.replace(self, domain=self._simplex(domain))
            case _:
                return dataclasses.replace(self, domain=self._scalar(self.declared, domain))

    def _scalar(self, declared: ScalarDomain, domain: Domain) -> ScalarDomain:
        # choices of whole numbers (head_dim, ramps) say what is usual; `within` says what is legal
        is_integral = not isinstance(declared, Real) and self.within is not None
        match domain:
            case Real(low=low, high=high) if isinstance(declared, Real):
                self._bounded(low, high)
            case Integer(low=low, high=high) if is_integral:
                self._bounded(low, high)
            case Choice(values=values) if isinstance(declared, Real):
                self._bounded(*values)
                return Choice(tuple(float(v) for v in values if _is_number(v)))
            case Choice(values=values) if is_integral and all(_is_integer(v) for v in values):
                self._bounded(*values)
            case Choice(values=values) if (
                isinstance(declared, Choice)
                and not is_integral
                and all(declared.contains(v) for v in values)
            ):
                pass
            case _:
                raise self._error(f"takes {self.allowed()}", describe(domain))
        return domain

    def _simplex(self, domain: Domain) -> Domain:
        match domain:
            case Simplex():
                return domain
            case Choice(values=values) if all(
                isinstance(v, tuple) and Simplex(len(v)).contains(v) for v in values
            ):
                return domain
        raise self._error(f"takes {self.allowed()}", describe(domain))

    def _bounded(self, *values: object) -> None:
        within = self.within or Within(-math.inf, math.inf)
        if not all(_is_number(v) and within.low <= v <= within.high for v in values):
            raise self._error(
                f"lies within [{within.low:g}, {within.high:g}]", ", ".join(map(str, values))
            )

    def allowed(self) -> str:
        """Say in words which domains the gene may be given."""
        declared = self.declared.item if isinstance(self.declared, PerLayer) else self.declared
        match declared:
            case Real():
                text = "{real: [low, high]}, a choice of numbers or a number"
            case Integer():
                text = "{integer: [low, high]}, a choice of whole numbers or a whole number"
            case Choice(values=values) if self.within is None:
                text = f"a choice among {', '.join(map(str, values))}, or one of them"
            case Choice():
                text = "a choice of whole numbers, {integer: [low, high]} or a whole number"
            case Simplex():
                text = "{simplex: size} or a list of shares that sum to 1"
        return text

    def _error(self, law: str, found: str) -> SpaceError:
        return SpaceError(
            f"gene {self.name!r} {law}", f"got {found}", f"Give {self.name!r} {self.allowed()}."
        )

    def to_json(self) -> dict[str, object]:
        """Describe the gene for the event log."""
        when = {} if self.condition is None else {"active_when": _condition_json(self.condition)}
        per_layer = {"per_layer": True} if isinstance(self.declared, PerLayer) else {}
        return {
            "name": self.name,
            "half": self.half,
            "domain": self.domain.to_json(),
            **per_layer,
            **when,
        }


def _condition_json(condition: ActiveWhen) -> dict[str, object]:
    return {condition.gene: list(condition.values)}


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def describe(domain: Domain) -> str:
    """Write a domain as a run file would."""
    form = domain.to_json()
    inner = ", ".join(f"{k}: {_plain(v)}" for k, v in form.items())
    return f"{{{inner}}}"


def _plain(value: object) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_plain, value)) + "]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def genes_of(half_class: type[Any], half: Half) -> tuple[Gene, ...]:
    """Read the genes off the annotations of a dataclass; fields without a domain are constants."""
    hints = get_type_hints(half_class, include_extras=True)
    genes = []
    for field in dataclasses.fields(half_class):
        hint = hints[field.name]
        if get_origin(hint) is not Annotated:
            continue
        _, *notes = get_args(hint)
        domain = next(n for n in notes if isinstance(n, Domain))
        condition = next((n for n in notes if isinstance(n, ActiveWhen)), None)
        within = next((n for n in notes if isinstance(n, Within)), None)
        genes.append(Gene(field.name, domain, half, condition, domain, within))
    return tuple(genes)
