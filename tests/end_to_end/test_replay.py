"""The winner of a real search, trained again alone from its exported run file."""

import shutil

import pytest
import yaml

from orchestrator.event_log import LOG_NAME, read_log
from orchestrator.story.lineage import lineage
from orchestrator.story.telling import told

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]


def test_the_replay_has_the_losses_of_the_lineage_bit_for_bit(
    undisturbed, masga, masga_here, tmp_path
):
    search = tmp_path / "search"
    shutil.copytree(undisturbed, search)
    written = masga_here("export", search, "--format", "yaml", "--output", tmp_path / "winner.yaml")
    assert written.returncode == 0, written.stderr
    result = masga("search", "winner.yaml")
    assert result.returncode == 0, result.stdout + result.stderr
    story = told(tuple(read_log(search / LOG_NAME)[0]))
    end = story.finished
    steps = lineage(story, end.winner, end.generation)
    assert len(steps) > 1, "the winner of this search must have ancestors"
    led = [
        story.reports[step.member, generation]
        for step in steps
        for generation in range(step.first_generation, step.last_generation + 1)
    ]
    replay = told(tuple(read_log(tmp_path / "runs" / "tiny-replay" / LOG_NAME)[0]))
    again = [replay.reports[0, generation] for generation in range(len(led))]
    assert [r.losses for r in again] == [r.losses for r in led]
    assert [r.train_loss for r in again] == [r.train_loss for r in led]
    assert [r.ledger.flops for r in again] == [r.ledger.flops for r in led]
    assert replay.assessed["winner"].losses == story.assessed["winner"].losses
    text = (tmp_path / "winner.yaml").read_text()
    assert all(repr(step.nats_per_token) in text for step in steps if step is steps[-1])
    told_moves = [move for r in led if r.morph for move in r.morph["moves"]]
    comments = " ".join(line.strip(" #") for line in text.splitlines() if "#" in line)
    assert told_moves
    assert all(move in comments for move in told_moves)


def test_a_schedule_whose_genome_cannot_be_trained_is_told_by_its_line(
    undisturbed, masga_here, tmp_path
):
    search = tmp_path / "search"
    shutil.copytree(undisturbed, search)
    masga_here("export", search, "--format", "yaml", "--output", tmp_path / "winner.yaml")
    values = yaml.safe_load((tmp_path / "winner.yaml").read_text())
    values["schedule"]["stretches"][-1]["genome"]["protocol"]["learning_rate"] = "fast"
    (tmp_path / "wrong.yaml").write_text(yaml.safe_dump(values))
    result = masga_here("search", "wrong.yaml")
    last = len(values["schedule"]["stretches"]) - 1
    assert result.returncode == 2
    assert f"schedule.stretches[{last}].genome" in result.stderr
    assert "protocol.learning_rate must be a finite float, but got 'fast'" in result.stderr
    assert "wrong.yaml:" in result.stderr
