"""What `transformers` loads computes what our own model computes."""

import itertools
import json

import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.errors import UserError
from orchestrator.export.hugging_face.directory import require_family, write
from orchestrator.export.hugging_face.families import FAMILIES, nearest_family
from orchestrator.export.hugging_face.tokenizer import byte_library
from orchestrator.export.hugging_face.uniform import pad, padded_architecture, uniform_shape
from orchestrator.export.subject import find_subject
from trainers.data.tokenizer import ByteTokenizer
from trainers.llama import read_llama
from trainers.model import Transformer

EXPRESSED = (
    {"activation": "swiglu"},
    {"activation": "swiglu", "num_heads": (4, 4), "num_kv_heads": (4, 4), "d_ff": (64, 64)},
    {"activation": "swiglu", "qk_norm": True, "tied_embeddings": False, "d_model": 48},
    {"activation": "relu2"},
    {
        "activation": "gelu",
        "tied_embeddings": False,
        "num_heads": (6, 4),
        "num_kv_heads": (2, 4),
        "d_model": 48,
    },
    {"activation": "relu2", "qk_norm": True},
    {"activation": "gelu", "qk_norm": True, "num_heads": (5, 3), "num_kv_heads": (5, 1)},
    {"activation": "gelu", "norm": "layer"},
    {
        "activation": "relu2",
        "norm": "layer",
        "head_dim": 6,
        "num_heads": (7, 2),
        "num_kv_heads": (1, 2),
    },
    {"activation": "swiglu", "norm": "layer"},
    {
        "activation": "swiglu",
        "norm": "layer",
        "head_dim": 6,
        "d_model": 40,
        "tied_embeddings": False,
    },
    {"activation": "gelu", "norm": "layer", "position": "learned"},
    {
        "activation": "relu2",
        "norm": "layer",
        "position": "learned",
        "head_dim": 5,
        "tied_embeddings": False,
    },
    {"activation": "gelu", "position": "learned", "num_heads": (4, 3), "num_kv_heads": (2, 1)},
    {"activation": "relu2", "position": "learned", "head_dim": 5, "tied_embeddings": False},
)


@pytest.mark.parametrize("genes", EXPRESSED, ids=lambda genes: "-".join(map(str, genes.values())))
def test_logits_and_generation_are_ours(genes, genome, searched, tmp_path):
    subject = find_subject(searched(genome(**genes)))
    write(subject, tmp_path / "hf")
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "hf").eval()
    ours = Transformer(subject.genome.architecture).eval()
    own = subject.state().tensors
    ours.load_state_dict(
        {n.removeprefix("model."): t for n, t in own.items() if n.startswith("model.")}
    )
    tokens = torch.randint(0, 257, (3, 16), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = ours(tokens)
        assert expected.std() > 0.3  # the weights show
        assert (theirs(tokens).logits - expected).abs().max() < 1e-4
        prompt = tokens[:1, :4]
        written = theirs.generate(prompt, max_new_tokens=10, do_sample=False, eos_token_id=None)
        for _ in range(10):
            prompt = torch.cat((prompt, ours(prompt)[:, -1:].argmax(-1)), dim=1)
    assert written.tolist() == prompt.tolist()


@pytest.mark.parametrize("genes", [EXPRESSED[0], EXPRESSED[2], EXPRESSED[3]])
def test_what_is_exported_can_be_analysed(genes, genome, searched, tmp_path):
    """`masga analyze` reads Llama-type checkpoints; ours are of these types."""
    subject = find_subject(searched(genome(**genes)))
    write(subject, tmp_path / "hf")
    ours = Transformer(subject.genome.architecture).eval()
    own = subject.state().tensors
    ours.load_state_dict(
        {n.removeprefix("model."): t for n, t in own.items() if n.startswith("model.")}
    )
    tokens = torch.randint(0, 257, (3, 16), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert (read_llama(tmp_path / "hf").eval()(tokens) - ours(tokens)).abs().max() < 1e-4


def test_every_family_is_exported_above(genome):
    used = [require_family(genome(**genes).architecture, where="")[0] for genes in EXPRESSED]
    assert all(family in used for family in FAMILIES)


def test_what_cannot_be_expressed_names_the_gene_and_the_nearest_can(genome):
    refused = 0
    for norm, position, activation, qk_norm, heads in itertools.product(
        ("rms", "layer"),
        ("rotary", "learned", "alibi"),
        ("gelu", "relu2", "swiglu"),
        (False, True),
        ((3, 2), (8, 3)),
    ):
        genes = {
            "norm": norm,
            "position": position,
            "activation": activation,
            "qk_norm": qk_norm,
            "num_heads": heads,
            "num_kv_heads": (1, 1),
        }
        a = genome(**genes).architecture
        family, error = nearest_family(a), None
        try:
            assert require_family(a, where="member 3")[0] is family
        except UserError as raised:
            error = raised
        assert (error is None) == (family.misfits(a) == ())
        if error is None:
            continue
        refused += 1
        told = error.remedy.partition(": ")[2].partition(" (as")[0]
        for gene, value in (pair.split("=") for pair in told.split(", ")):
            assert f"{gene}=" in error.found
            named = {"True": True, "False": False}.get(value, value)
            genes[gene] = (int(named),) * 2 if gene == "num_heads" else named
        require_family(genome(**genes).architecture, where="")  # does not raise
    assert 0 < refused < 72


@settings(max_examples=30, deadline=None)
@given(
    kv=st.lists(st.integers(1, 4), min_size=2, max_size=2),
    groups=st.lists(st.integers(1, 4), min_size=2, max_size=2),
    fills=st.booleans(),
    seed=st.integers(0, 99),
)
def test_padding_changes_no_output(kv, groups, fills, seed, genome):
    heads = tuple(k * g for k, g in zip(kv, groups, strict=True))
    # without rotary positions, whose frequencies depend on the width of a head
    a = genome(num_heads=heads, num_kv_heads=tuple(kv), position="learned", head_dim=2).architecture
    shape = uniform_shape(a, heads_divide_width=True, heads_fill_width=fills, grouped=not fills)
    if shape is None:
        return
    small, large = Transformer(a).eval(), Transformer(padded_architecture(a, shape)).eval()
    generator = torch.Generator().manual_seed(seed)
    small.initialise(generator)
    tokens = torch.randint(0, 257, (2, 16), generator=generator)
    large.load_state_dict(pad(small.state_dict(), a, shape))
    with torch.no_grad():
        assert torch.allclose(small(tokens), large(tokens), atol=1e-5)


TEXTS = (
    "plain",
    "  zwei  Leerzeichen\n\n\tund\r\n",
    "🐋🏳️‍🌈 e\u0301",
    "<|document|> is only text",
    "",
    "\x00\x7f",
)


@pytest.mark.parametrize("kind", ["bytes", "bpe"])
def test_the_tokenizer_gives_our_ids_and_our_text(kind, genome, searched, tmp_path):
    subject = find_subject(searched(genome(), tokenizer=kind))
    write(subject, tmp_path / "hf")
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path / "hf")
    ours = subject.corpus().tokenizer
    assert theirs.bos_token_id == theirs.eos_token_id == ours.separator
    for text in TEXTS:
        ids = ours.encode(text)
        assert theirs(text, add_special_tokens=False).input_ids == ids
        assert theirs(text).input_ids == [ours.separator, *ids]
        assert theirs.decode(ids) == ours.decode(ids) == text
        assert theirs.decode([ours.separator, *ids], skip_special_tokens=True) == text
    config = json.loads((tmp_path / "hf" / "config.json").read_text())
    assert config["vocab_size"] == ours.vocab_size
    assert len(theirs) == ours.used_tokens


@given(st.binary(max_size=40))
def test_bytes_that_are_no_text_decode_as_ours(data):
    assert byte_library().decode(list(data)) == ByteTokenizer().decode(list(data))


def test_the_card_tells_licence_lineage_and_result(genome, searched, tmp_path):
    subject = find_subject(searched(genome()))
    write(subject, tmp_path / "hf")
    card = (tmp_path / "hf" / "README.md").read_text()
    assert card.startswith("---\nlicense: unknown\n")  # the user's own files state none
    for told in (
        "2.9000 bits per byte on held-out",
        subject.genome.digest,
        "| 0-1 | 1 |",
        "| learning_rate | 0.003 |",
    ):
        assert told in card
