"""The joint fit of the annealing law, held against the whole regression solved at once."""

import numpy as np
import pytest

from orchestrator.horizon import joint_fit
from orchestrator.horizon.joint_fit import Prior


def drawn(members, draw):
    """Draw points of members that have reported differently often."""
    owner = np.repeat(np.arange(members), draw.integers(1, 9, members))
    n = owner.size
    return {
        "owner": owner,
        "loss": 3.0 + draw.normal(0, 0.3, members)[owner] + draw.normal(0, 0.05, n),
        "points": joint_fit._Points(
            forward=draw.uniform(0.05, 1.0, n),
            annealed=draw.uniform(0.0, 0.4, n),
            forward_end=draw.uniform(1.0, 2.0, members),
            annealed_end=draw.uniform(0.4, 1.0, members),
        ),
    }


def at_once(*, owner, loss, points, exponent, prior):
    """Solve for all offsets, departures, the amplitude and C by one inverse (as in the formula)."""
    members, n = points.forward_end.size, loss.size
    shape, end_shape = points.forward**-exponent, points.forward_end**-exponent
    each = np.arange(members)
    width = 2 * members + 2
    design, target = np.zeros((n, width)), np.zeros((members, width))
    design[np.arange(n), owner] = 1.0
    design[:, members] = design[np.arange(n), members + 1 + owner] = shape
    design[:, -1] = -points.annealed
    target[each, each] = 1.0
    target[:, members] = target[each, members + 1 + each] = end_shape
    target[:, -1] = -points.annealed_end
    amplitude, noise, held = max(0.3 * float(np.ptp(loss)), 1e-3), 0.05, False
    for passed in range(joint_fit.ROUNDS):
        believed, precision = np.zeros(width), np.zeros(width)
        believed[-1] = prior.gain * amplitude
        precision[members + 1 : -1] = 1.0 / max(prior.amplitude_spread * amplitude, 1e-6) ** 2
        precision[-1] = 1.0 / (prior.gain_spread * amplitude) ** 2
        if held:
            believed[-1], precision[-1] = 0.0, 1e12
        gram = design.T @ design / noise**2 + np.diag(precision + 1e-12)
        gram[members, members] += 1e-9
        inverse = np.linalg.inv(gram)
        solution = inverse @ (design.T @ loss / noise**2 + precision * believed)
        residual = loss - design @ solution
        square = float((residual**2).sum()) + 1e-30
        noise = np.sqrt(square / max(n - members - 2, 1)) + 1e-6
        amplitude = max(abs(float(solution[members])), 1e-3)
        held = held or (passed == joint_fit.ROUNDS - 2 and float(solution[-1]) < 0)
    penalty = float((precision * (solution - believed) ** 2).sum()) * noise**2
    return {
        "forecast": target @ solution,
        "variance": np.einsum("ij,jk,ik->i", target, inverse, target),
        "residual": residual,
        "square": square + penalty,
        "amplitude": solution[members],
    }


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("spread", [0.0, 0.3])
def test_eliminating_members_one_by_one_solves_the_whole_regression(seed, spread):
    draw = np.random.default_rng(seed)
    given = drawn(2 + 3 * seed, draw)
    prior = Prior(amplitude_spread=spread, gain=0.3, gain_spread=0.2)
    exponent = float(draw.uniform(0.1, 1.2))
    fit = joint_fit._ridge(**given, exponent=exponent, prior=prior)
    expected = at_once(**given, exponent=exponent, prior=prior)
    for name, value in expected.items():
        np.testing.assert_allclose(getattr(fit, name), value, rtol=1e-6, atol=1e-8, err_msg=name)


def test_nothing_is_as_large_as_the_square_of_the_members():
    """Every array of the normal equations has a few numbers a member or a point."""
    given = drawn(50, np.random.default_rng(1))
    sums = joint_fit._Sums.of(
        given["owner"], given["loss"], given["points"].forward, given["points"].annealed, members=50
    )
    system = sums.system(0.05, spread=1.0, believed=0.1, precision=1.0)
    for held in (sums, system):
        for name in held.__slots__:
            assert getattr(held, name).size <= max(4 * 50, given["loss"].size), name
