"""What a certificate says: plainly, whichever way it went, and no more than its seeds can tell."""

import json

import numpy as np
import pytest

from orchestrator.certification import certificate_of
from orchestrator.certification.certificate import text_standard_error
from orchestrator.certification.judgement import judge
from orchestrator.certification.mean_difference import mean_difference
from orchestrator.certification.record import to_json, write_certificate
from orchestrator.certification.sign_flip import sign_flip_p_value
from orchestrator.certification.telling import reading
from orchestrator.console.certificate import told_certificate
from orchestrator.console.summary import as_text
from orchestrator.game.participation import holm
from orchestrator.report.sections import certificate as certificate_section


@pytest.fixture
def certified(tmp_path, planned, rehearsal, formula):
    """Certify with gains of the winner's and the first generation's genome over the default's."""

    def make(*, replicates=7, winner=0.0, first=0.0, fails=lambda task: False, **options):
        plan, notes = planned(replicates=replicates, **options)
        genomes = {arm.name: arm.genome.digest for arm in plan.arms}
        gains = {genomes["winner"]: winner, genomes["first"]: first}
        reply = formula(gains=gains, fails=fails)
        return certificate_of(rehearsal(tmp_path / "log", plan, answer=reply, notes=notes).run())

    return make


def test_a_win_in_every_seed_holds(certified):
    certificate = certified(winner=-0.1)
    by_name = {c.name: c for c in certificate.comparisons}
    assert by_name["winner"].judgement.outcome == "holds"
    assert by_name["winner"].differences == pytest.approx([-0.1] * 7)
    assert by_name["winner"].p_value == 2**-6
    assert by_name["winner"].gain.mean == pytest.approx(-0.1)
    assert certificate.verdict.startswith("The win holds: trained from scratch, the winner's")
    assert "0.1000 bits per byte less than the default genome" in certificate.verdict
    assert "better in 7 of 7 seeds" in certificate.verdict
    # the first generation's best is the default's equal here: no difference at all
    assert by_name["first"].judgement.outcome == "does not hold"
    assert "chance alone gives as much" in by_name["first"].judgement.sentence


def test_a_loss_in_every_seed_says_that_the_default_is_better(certified):
    certificate = certified(winner=0.1)
    assert "The win does not hold, the default genome is BETTER" in certificate.verdict
    assert "0.1000 bits per byte more than" in certificate.verdict


@pytest.mark.parametrize(
    ("replicates", "smallest"), [(2, "0.5 (1 "), (4, "0.125 (0.375 "), (6, "0.0312 (0.0938 ")]
)
def test_too_few_seeds_can_tell_nothing_however_large_the_win(certified, replicates, smallest):
    certificate = certified(replicates=replicates, winner=-1.0)
    winner = next(c for c in certificate.comparisons if c.name == "winner")
    assert winner.judgement.outcome == "cannot be told"
    assert f"no p-value below {smallest}after Holm's correction over 3)" in certificate.verdict
    assert "7 seeds can tell" in certificate.verdict


def test_an_arm_that_fails_where_the_default_does_not_does_not_hold(certified, planned):
    names = [arm.name for arm in planned()[0].arms]

    def fails(task):
        return task.member == 4 + names.index("winner") and task.generation == 1

    certificate = certified(winner=-0.1, fails=fails)
    winner = next(c for c in certificate.comparisons if c.name == "winner")
    assert winner.judgement.outcome == "does not hold"
    assert "failed to train in 1 of 7 seeds, the default genome in 0" in certificate.verdict
    assert winner.differences.count(None) == 1
    assert len([d for d in winner.differences if d is not None]) == 6


def test_pairs_in_which_the_default_failed_are_left_out_and_told(certified, planned):
    names = [arm.name for arm in planned()[0].arms]

    def fails(task):
        return task.member % 4 == names.index("default") and task.member < 8

    certificate = certified(winner=-0.1, fails=fails)
    winner = next(c for c in certificate.comparisons if c.name == "winner")
    assert winner.judgement.outcome == "cannot be told"  # 5 pairs are too few
    assert "0 of 7 of this arm, 2 of the default genome" in certificate.verdict


def test_nothing_is_said_of_pairs_that_are_none():
    said = judge(
        what="the winner's genome",
        differences=[],
        gain=None,
        p_value=None,
        p_holm=None,
        tests=3,
        failures=2,
        reference_failures=2,
        replicates=2,
        level=0.05,
    )
    assert said.outcome == "cannot be told"
    assert "only 0 of 2 seeds ended well for both" in said.sentence


def test_the_p_values_are_corrected_over_the_arms_of_the_certificate(certified):
    certificate = certified(winner=-0.1, first=-0.05)
    p = [c.p_value for c in certificate.comparisons]
    assert [c.p_holm for c in certificate.comparisons] == pytest.approx(holm(p).tolist())
    for compared in certificate.comparisons:
        assert compared.p_value == sign_flip_p_value(compared.differences)
        assert compared.gain == mean_difference(compared.differences)


def test_false_claims_are_as_rare_as_the_level_says():
    """Without any difference a verdict other than chance comes at most at the level."""
    rng = np.random.default_rng(5)
    claims, runs = 0, 400
    for differences in rng.normal(0.0, 1.0, (runs, 3, 7)):
        p = [sign_flip_p_value(d) for d in differences]
        claims += bool(np.min(holm(p)) <= 0.05)
    assert claims / runs <= 0.05 + 3 * (0.05 * 0.95 / runs) ** 0.5


def test_a_winner_that_is_the_default_has_no_win_to_certify(planned, certified, monkeypatch):
    from orchestrator.certification import planning

    winner = next(arm for arm in planned()[0].arms if arm.name == "winner").genome
    monkeypatch.setattr(planning, "default_of_size", lambda *args, **options: winner)
    plan, notes = planned()
    assert "winner" not in {arm.name for arm in plan.arms}
    assert "The winner's genome is left out: it is the default genome" in " ".join(notes)


def test_the_text_error_is_that_of_the_seeds_mean_by_batch(certified):
    certificate = certified(winner=-0.1)
    winner = next(c for c in certificate.comparisons if c.name == "winner")
    # the formula moves both batches of a state alike: other text would change nothing
    assert winner.text_standard_error == pytest.approx(0.0, abs=1e-12)
    assert text_standard_error([]) is None


def test_what_evolution_added_to_the_first_generation_is_told_apart(certified):
    told = " ".join(reading(certified(winner=-0.1, first=-0.04)))
    assert "Beside the best genome of the first generation the winner's has -0.0600 bits" in told
    assert "better in 7 of 7 seeds: what evolution added. This is not among the corrected" in told


def test_its_json_is_whole_and_finite(certified, tmp_path):
    certificate = certified(replicates=3, winner=-0.1, tokens=4096)
    path = write_certificate(certificate, tmp_path)
    values = json.loads(path.read_text())
    assert values == json.loads(json.dumps(to_json(certificate), allow_nan=False))
    assert values["format"] == "masga-certificate-1"
    assert (values["seeds"], values["tokens"], values["share"]) == (3, 4096, 0.5)
    assert values["smallest_p_value"] == 0.25
    assert values["verdict"] == certificate.verdict
    for arm in values["arms"]:
        assert len(arm["bits_per_byte"]) == len(arm["failures"]) == 3
        assert sum(part["tokens"] for part in arm["parts"]) == 4096
    assert {c["arm"] for c in values["comparisons"]} == {"winner", "schedule", "first"}
    assert [p.name for p in tmp_path.iterdir() if "part" in p.name] == []


def test_its_fields_are_documented(certified, pytestconfig):
    text = (pytestconfig.rootpath / "docs" / "certify.md").read_text(encoding="utf-8")
    values = to_json(certified(replicates=2))
    names = {*values, *values["arms"][0], *values["comparisons"][0]}
    assert [name for name in sorted(names) if f"`{name}`" not in text] == []


def test_terminal_and_report_tell_the_verdict_and_every_seed(certified, tmp_path):
    certificate = certified(winner=-0.1, tokens=4096)
    text = as_text(told_certificate(certificate, tmp_path / "certificate.json"), width=400)
    made = certificate_section.certified(certificate)
    for told in (text, made.body.replace("&#x27;", "'")):
        assert certificate.verdict in told
        assert "50% of the winner's 8.19k" in told
        assert "7 seeds give none below 0.0156" in told
        for arm in certificate.arms:
            assert f"{arm.mean:.4f}" in told
            assert " ".join(f"{v:.4f}" for v in arm.bits_per_byte) in told
        for compared in certificate.comparisons:
            assert f"{compared.gain.low:+.4f} to {compared.gain.high:+.4f}" in told
    assert 'class="good"' in made.body
    assert made.body.count("<svg") == 2  # for a screen and for a phone
