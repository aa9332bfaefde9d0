"""Train one default model on text, without a search: `python -m trainers FILE ... --out DIR`.

Runs where there is no Ray. Every interval ends with a checkpoint in DIR, and a call with the same
options goes on from there.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from dataclasses import replace
from pathlib import Path

from search_spaces.gpt.space import GPT
from trainers.checkpoint import STATE_FILE, CheckpointDamaged, read_checkpoint, write_checkpoint
from trainers.data import NAMED, Corpus, CorpusError, CorpusSpec, SourceSpec, prepare_corpus
from trainers.distributed.group import GroupMember, MemberGroup, RanksLost
from trainers.member import Member
from trainers.settings import TrainerSettings

INTERVALS = 20


def parser() -> argparse.ArgumentParser:
    """Make the parser of the command line."""
    p = argparse.ArgumentParser(
        prog="python -m trainers",
        description="Train one default model on text, without a search.",
        epilog="Example: python -m trainers book.txt --out runs/book --tokens 1000000",
    )
    p.add_argument(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help=f"text, JSONL or Parquet file, directory or glob, or one of {', '.join(NAMED)}",
    )
    p.add_argument("--out", type=Path, required=True, metavar="DIR", help="for the checkpoint")
    p.add_argument("--cache", type=Path, metavar="DIR", help="of corpora (default: DIR/corpus)")
    p.add_argument("--tokens", type=int, default=1_000_000, help="to train (default: %(default)s)")
    p.add_argument("--tokenizer", choices=("bytes", "bpe"), default="bytes")
    p.add_argument("--context-length", type=int, default=128, help="tokens (default: %(default)s)")
    p.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    p.add_argument("--threads", type=int, default=1, help="of a CPU (default: %(default)s)")
    p.add_argument(
        "--processes",
        type=int,
        default=1,
        help="that train the model together; on CUDA each has a GPU (default: %(default)s)",
    )
    p.add_argument("--seed", type=int, default=0, help="(default: %(default)s)")
    return p


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return 0, 1 if training diverged, 2 for the user's mistakes."""
    options = parser().parse_args(arguments)
    try:
        return _train(options)
    except (CorpusError, CheckpointDamaged, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except RanksLost as error:
        again = f"The same command goes on from {options.out}."
        print(f"error: {error} {again}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"Interrupted. The same command goes on from {options.out}.", file=sys.stderr)
        return 130


def _train(options: argparse.Namespace) -> int:
    corpus = prepare_corpus(
        CorpusSpec(
            sources=tuple(
                SourceSpec.named(s) if s in NAMED else SourceSpec.file(s) for s in options.sources
            ),
            tokenizer=options.tokenizer,
            context_length=options.context_length,
        ),
        options.cache or options.out / "corpus",
    )
    horizon = max(1, options.tokens // options.context_length) * options.context_length
    settings = TrainerSettings(
        seed=options.seed, horizon_tokens=horizon, device=options.device, threads=options.threads
    )
    if options.processes < 1:
        raise ValueError(f"`--processes >= 1` must hold, but got {options.processes}.")
    with contextlib.ExitStack() as ties:
        group = None
        if options.processes > 1:
            from trainers.distributed.here import group_here  # noqa: PLC0415 - torch.distributed

            group = ties.enter_context(
                group_here(corpus, size=options.processes, device=options.device)
            )
        return _train_member(options, corpus, settings, group)


def _train_member(
    options: argparse.Namespace,
    corpus: Corpus,
    settings: TrainerSettings,
    group: MemberGroup | None,
) -> int:
    """Train from the checkpoint or from scratch, and tell how it goes."""
    member: Member | GroupMember
    if (options.out / STATE_FILE).exists():
        state, extra = read_checkpoint(options.out)
        if extra.get("corpus") != corpus.digest:
            raise ValueError(
                f"{options.out} must continue on the corpus it began with, {extra.get('corpus')}, "
                f"but these sources make {corpus.digest}. Choose another --out."
            )
        if group is not None:
            member = group.revive(state, settings=settings)
        else:
            member = Member.from_state(state, corpus=corpus, settings=settings)
    else:
        genome = GPT.with_constants(
            vocab_size=corpus.vocab_size, context_length=corpus.context_length
        ).default()
        mix = (1.0 / corpus.num_sources,) * corpus.num_sources
        halves = genome.architecture, replace(genome.protocol, data_mix=mix)
        if group is not None:
            member = group.create(*halves, settings=settings, member_seed=options.seed)
        else:
            member = Member.create(
                *halves, corpus=corpus, settings=settings, member_seed=options.seed
            )
    parameters = sum(p.numel() for p in member.model.parameters())
    print(f"{parameters:,} parameters, {corpus.train_tokens:,} training tokens; lower is better:")
    failure = _train_intervals(member, settings.horizon_tokens, corpus, options.out)
    if failure is not None:
        print(f"error: {failure}. Lower the learning rate, or use another seed.", file=sys.stderr)
        return 1
    print(f"held-out: {member.evaluate('heldout').bits_per_byte:.4f} bits per byte")
    print(f"checkpoint: {options.out}")
    return 0


def _train_intervals(
    member: Member | GroupMember, horizon: int, corpus: Corpus, out: Path
) -> str | None:
    """Train to the horizon with a line and a checkpoint an interval; return why it failed."""
    tokens = max(1, horizon // corpus.context_length // INTERVALS) * corpus.context_length
    begun, start = time.perf_counter(), member.position.tokens
    while (done := member.position.tokens) < horizon:
        interval = member.train(min(tokens, horizon - done))
        if interval.failure is not None:
            return interval.failure
        write_checkpoint(out, member.state(), {"corpus": corpus.digest})
        done = member.position.tokens
        bits = member.evaluate("selection").bits_per_byte
        left = (time.perf_counter() - begun) / (done - start) * (horizon - done)
        print(
            f"{done:>12,} tokens  train {interval.mean_train_loss:.4f} nats/token  selection "
            f"{bits:.4f} bits/byte  {interval.tokens / interval.seconds:,.0f} tokens/s  "
            f"{left:,.0f} s left",
            flush=True,
        )
    return None


if __name__ == "__main__":
    sys.exit(main())
