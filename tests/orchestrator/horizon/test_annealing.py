"""The annealing-corrected estimator: what it sees that the present loss does not."""

import math

import numpy as np
import pytest

from orchestrator.horizon import Annealing, History, PresentLoss
from orchestrator.laws.forms.annealing import areas

STEPS = 1000


def cosine(end=0.0, steps=STEPS, warmup=20):
    t = np.arange(steps) / steps
    rates = end + 0.5 * (1 - end) * (1 + np.cos(np.pi * t))
    rates[:warmup] *= np.arange(1, warmup + 1) / warmup
    return rates


def constant_then_drop(start, steps=STEPS, warmup=20):
    rates = np.ones(steps)
    rates[:warmup] = np.arange(1, warmup + 1) / warmup
    tail = np.arange(steps - start) / (steps - start)
    rates[start:] = 1 - 0.95 * tail
    return rates


def curve(rates, *, offset, rng, noise=0.002, c=0.6):
    """Losses at every twentieth step from the annealing law itself, and the final loss."""
    s1, _ = areas(rates)
    flat = rates.copy()
    flat[: np.argmax(rates)] = rates.max()
    _, s2 = areas(flat, decay=np.exp(-1 / (0.03 * rates.size)))
    loss = offset + 1.0 * (s1 / 500) ** -0.4 - c * s2 / 30
    at = np.arange(20, rates.size + 1, 20)
    return at.astype(float), loss[at - 1] + noise * rng.standard_normal(at.size), loss[-1]


def histories(share, schedules, offsets, seed=0):
    rng = np.random.default_rng(seed)
    made, final = [], []
    for rates, offset in zip(schedules, offsets, strict=True):
        t, y, end = curve(rates, offset=offset, rng=rng)
        seen = t <= share * STEPS
        made.append(History(tokens=t[seen], losses=y[seen], learning_rates=rates))
        final.append(end)
    return tuple(made), np.array(final)


def losses(estimates):
    return np.array([e.loss for e in estimates])


def test_at_the_end_it_gives_about_the_last_loss():
    made, final = histories(1.0, [np.ones(STEPS), np.ones(STEPS)], [2.0, 2.3])
    assert losses(Annealing().estimate(made, horizon_tokens=STEPS)) == pytest.approx(
        final, abs=0.05
    )


def test_it_forecasts_what_is_still_to_be_annealed():
    """Members at their peak rate look worse now than members that have annealed, and are not."""
    schedules = [cosine(), constant_then_drop(800), cosine(0.2), constant_then_drop(700)]
    offsets = [2.02, 2.00, 2.01, 1.98]
    made, final = histories(0.6, schedules, offsets)
    corrected = Annealing().estimate(made, horizon_tokens=STEPS)
    now = PresentLoss().estimate(made, horizon_tokens=STEPS)
    error, naive = losses(corrected) - final, losses(now) - final
    assert np.sqrt(np.mean(error**2)) < 0.5 * np.sqrt(np.mean(naive**2))
    assert all(e.used == "annealing" and e.standard_error > 0 for e in corrected)


def test_who_has_lowered_its_rate_early_gains_nothing_by_it():
    """The myopia of selection on the present loss: annealing now is borrowed, not earned."""
    early, late = constant_then_drop(400), constant_then_drop(900)
    made, final = histories(0.6, [early, late, cosine(), cosine(0.1)], [2.1, 2.0, 2.0, 2.0])
    now = losses(PresentLoss().estimate(made, horizon_tokens=STEPS))
    corrected = losses(Annealing().estimate(made, horizon_tokens=STEPS))
    assert now[0] < now[1]
    assert final[1] < final[0]
    assert corrected[1] < corrected[0]


def test_the_unit_of_the_learning_rate_does_not_matter():
    made, _ = histories(0.5, [cosine(), constant_then_drop(800)], [2.0, 2.1])
    scaled = [
        History(tokens=h.tokens, losses=h.losses, learning_rates=h.learning_rates * unit)
        for h, unit in zip(made, (1e-4, 3e-2), strict=True)
    ]
    assert losses(Annealing().estimate(scaled, horizon_tokens=STEPS)) == pytest.approx(
        losses(Annealing().estimate(made, horizon_tokens=STEPS)), abs=1e-9
    )


def test_intervals_cover_where_the_law_holds():
    schedules = [cosine(), constant_then_drop(800), cosine(0.2), constant_then_drop(700)]
    inside = []
    for seed in range(25):
        made, final = histories(0.5, schedules, [2.02, 2.0, 2.01, 1.98], seed=seed)
        found = Annealing().estimate(made, horizon_tokens=STEPS)
        inside += [
            abs(e.loss - f) <= 1.96 * e.standard_error for e, f in zip(found, final, strict=True)
        ]
    assert np.mean(inside) >= 0.9


@pytest.mark.parametrize("share", [0.02, 0.06])
def test_too_few_points_leave_the_whole_population_at_its_present_loss(share):
    made, _ = histories(share, [cosine(), cosine(0.1)], [2.0, 2.1])
    found = Annealing().estimate(made, horizon_tokens=STEPS)
    assert [e.used for e in found] == ["present", "present"]
    assert "usable points, fewer than 7" in found[0].reason


def test_a_rate_that_is_not_known_is_said():
    (known, _), _ = histories(0.5, [cosine(), cosine(0.1)], [2.0, 2.1])
    blind = History(tokens=known.tokens, losses=known.losses)
    found = Annealing().estimate([known, blind], horizon_tokens=STEPS)
    assert {(e.used, e.reason) for e in found} == {
        ("present", "a member's learning rate is not known")
    }


def test_rising_losses_are_no_annealing_law():
    up = History(
        tokens=np.arange(1.0, 13.0) * 50,
        losses=2 + 0.1 * np.arange(12.0),
        learning_rates=np.ones(9),
    )
    (found,) = Annealing().estimate([up], horizon_tokens=STEPS)
    assert (found.loss, found.used) == (pytest.approx(3.1), "present")
    assert "falling" in found.reason


@pytest.mark.parametrize(
    ("parameters", "law_text"),
    [
        ({"skip_share": 1.0}, "skip_share < 1"),
        ({"amplitude_spread": -1.0}, "amplitude_spread >= 0"),
        ({"annealing_gain": math.inf}, "annealing_gain >= 0"),
        ({"annealing_gain_spread": 0.0}, "annealing_gain_spread > 0"),
    ],
)
def test_parameters_are_checked(parameters, law_text):
    with pytest.raises(ValueError, match=law_text):
        Annealing(**parameters)


def test_leaky_sum_equals_the_recursion():
    rates = cosine()
    s1, s2 = areas(rates, decay=0.97)
    momentum, total = 0.0, []
    for i in range(1, rates.size):
        momentum = 0.97 * momentum + rates[i - 1] - rates[i]
        total.append(momentum)
    np.testing.assert_allclose(s2[1:], np.cumsum(total), atol=1e-9)
    np.testing.assert_allclose(s1, np.cumsum(rates))


def test_what_annealing_gains_does_not_hang_on_how_much_the_others_anneal():
    """Members that will keep their rate beside those that will not: the prior's unit is its own."""
    annealers, _ = histories(0.1, [cosine(), constant_then_drop(600)], [2.0, 2.1])
    keepers, _ = histories(0.1, [np.ones(STEPS)] * 4, [2.0, 2.05, 2.1, 2.15], seed=1)
    alone = losses(Annealing().estimate(annealers, horizon_tokens=STEPS))
    beside = losses(Annealing().estimate([*annealers, *keepers], horizon_tokens=STEPS))
    assert beside[:2] == pytest.approx(alone, abs=0.15)
    assert (beside < [h.losses[-1] for h in (*annealers, *keepers)]).all()
