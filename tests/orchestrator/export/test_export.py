"""What is found to export, what is told when it cannot be, and that nothing is half-written."""

import os

import pytest

from orchestrator.cli import main
from orchestrator.errors import UserError
from orchestrator.event_log import LOG_NAME, EventLog
from orchestrator.export import FORMATS
from orchestrator.export.atomic import write_whole
from orchestrator.export.subject import find_subject
from orchestrator.run_directory import CHECKPOINTS


def tree(directory):
    return {p.relative_to(directory): p.read_bytes() for p in directory.rglob("*") if p.is_file()}


def names(directory):
    return sorted(p.name for p in directory.iterdir())


@pytest.fixture
def shelf(tmp_path):
    """A directory for targets."""
    (tmp_path / "shelf").mkdir()
    return tmp_path / "shelf"


def directory_of(text):
    def write(path):
        path.mkdir()
        (path / "file").write_text(text)

    return write


@pytest.mark.parametrize("make", [directory_of, lambda text: lambda path: path.write_text(text)])
def test_what_is_there_is_replaced_only_by_force(make, shelf):
    write_whole(shelf / "a", make("old"), force=False)
    before = tree(shelf)
    with pytest.raises(UserError, match=r"does not overwrite what is there.*--force"):
        write_whole(shelf / "a", make("new"), force=False)
    assert tree(shelf) == before
    write_whole(shelf / "a", make("new"), force=True)
    assert list(tree(shelf)) == list(before)
    assert set(tree(shelf).values()) == {b"new"}
    assert names(shelf) == ["a"]  # nothing aside is left


def test_an_empty_directory_is_free(shelf):
    (shelf / "a").mkdir()
    write_whole(shelf / "a", directory_of("new"), force=False)
    assert (shelf / "a" / "file").read_text() == "new"


@pytest.mark.parametrize(
    "failure",
    [RuntimeError("half-way"), KeyboardInterrupt(), OSError(28, "No space left on device")],
)
@pytest.mark.parametrize("there", [True, False])
def test_a_failure_leaves_what_was_there_and_nothing_else(failure, there, shelf):
    if there:
        directory_of("old")(shelf / "a")
    before = tree(shelf)

    def write(path):
        directory_of("new")(path)
        raise failure

    with pytest.raises(UserError if isinstance(failure, OSError) else type(failure)):
        write_whole(shelf / "a", write, force=True)
    assert tree(shelf) == before
    with pytest.raises((UserError, type(failure))):
        write_whole(shelf / "new" / "a", write, force=False)
    assert names(shelf) == (["a"] if there else [])


def test_a_target_that_appears_meanwhile_is_kept(shelf):
    def write(path):
        directory_of("new")(path)
        directory_of("other")(shelf / "a")

    with pytest.raises(UserError, match="does not overwrite"):
        write_whole(shelf / "a", write, force=False)
    assert set(tree(shelf).values()) == {b"other"}


def test_the_winner_unless_another_is_named(genome, searched):
    directory = searched(genome())
    winner = find_subject(directory)
    assert winner.point == (1, 1)
    assert winner.is_winner
    assert winner.genome.protocol == genome().protocol
    other = find_subject(directory, member=0)
    assert (other.point, other.is_winner) == ((0, 1), False)
    assert find_subject(directory, member=0, generation=0).point == (0, 0)
    assert find_subject(directory, generation=0).point == (1, 0)
    with pytest.raises(UserError, match=r"a state of member 7 .* but got members 0, 1\. Choose"):
        find_subject(directory, member=7)


def test_a_search_that_goes_on_says_so_and_gives_the_best_so_far(
    genome, searched, tmp_path, capsys
):
    directory = searched(genome(), finished=False)
    assert not find_subject(directory).is_winner
    assert main(["export", str(directory), "--format", "hf", "--output", str(tmp_path / "hf")]) == 0
    told = capsys.readouterr()
    assert "was stopped and has no winner yet: this is member 1 after generation 1" in told.err
    assert told.out.startswith("member 1 after generation 1: hf in ")


def test_a_running_search_is_told_as_such(genome, searched, tmp_path, capsys):
    directory = searched(genome(), finished=False)
    with EventLog(directory / LOG_NAME):
        assert (
            main(["export", str(directory), "--format", "hf", "--output", str(tmp_path / "hf")])
            == 0
        )
    assert "is running and has no winner yet" in capsys.readouterr().err


def test_what_is_whole_before_a_damaged_line_is_exported(genome, searched, tmp_path, capsys):
    directory = searched(genome())
    lines = (directory / LOG_NAME).read_bytes().splitlines(keepends=True)
    lines[-2] = lines[-2].replace(b"heldout", b"selection").replace(b"winner", b"loser_")
    (directory / LOG_NAME).write_bytes(b"".join(lines))
    assert main(["export", str(directory), "--format", "hf", "--output", str(tmp_path / "hf")]) == 0
    told = capsys.readouterr()
    assert f"line {len(lines) - 1}: every line continues the checksum" in told.err
    assert told.out.startswith("member 1 after generation 1: ")  # whose win is not told any more
    (directory / LOG_NAME).write_bytes(b"x" + b"".join(lines))
    assert main(["export", str(directory), "--format", "hf", "--output", str(tmp_path / "no")]) == 2
    assert not (tmp_path / "no").exists()


def test_a_damaged_checkpoint_is_named_with_what_is_whole(genome, searched, tmp_path, capsys):
    directory = searched(genome())
    (damaged,) = (directory / CHECKPOINTS / "g00001-m00001").glob("tensors-*")
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"\xff")
    target = tmp_path / "new" / "hf"
    arguments = ["export", str(directory), "--format", "hf", "--output", str(target)]
    assert main(arguments) == 2
    told = capsys.readouterr().err
    assert str(damaged) in told
    assert "whole: --member 0 --generation 1." in told
    assert not target.parent.exists()
    assert main([*arguments, "--member", "0"]) == 0
    # what needs no weights is not stopped by them
    assert main(["export", str(directory), "--format", "script"]) == 0


def test_a_missing_search_and_an_empty_log_are_told(genome, searched, tmp_path, capsys):
    assert main(["export", str(tmp_path / "nowhere"), "--format", "hf"]) == 2
    directory = searched(genome())
    os.truncate(directory / LOG_NAME, 0)
    assert main(["export", str(directory), "--format", "hf"]) == 2
    assert "an empty log" in capsys.readouterr().err


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_every_format_is_written_once_and_told_how_to_use(name, genome, searched, capsys):
    made = genome(num_heads=(4, 4), num_kv_heads=(2, 2), d_ff=(64, 64))
    directory = searched(made)
    arguments = ["export", str(directory), "--format", name]
    assert main(arguments) == 0
    told = capsys.readouterr().out
    assert told.startswith(
        f"the winner, member 1 after generation 1: {name} in {directory}/exports/{name}-m001-g001"
    )
    assert len(told.splitlines()) >= 3
    before = tree(directory)
    assert main(arguments) == 2
    assert "--force" in capsys.readouterr().err
    assert tree(directory) == before
    assert main([*arguments, "--force"]) == 0
    assert tree(directory).keys() == before.keys()


def test_what_cannot_be_expressed_leaves_nothing(genome, searched, capsys):
    directory = searched(genome(position="alibi", num_kv_heads=(3, 2)))
    before = names(directory)
    assert main(["export", str(directory), "--format", "hf"]) == 2
    assert "position=alibi" in capsys.readouterr().err
    assert names(directory) == before
