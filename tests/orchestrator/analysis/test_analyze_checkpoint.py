"""`masga analyze` on a checkpoint of Llama type that `transformers` has written, with a text."""

import json

import pytest
import tokenizers
import transformers
from safetensors.torch import load_file, save_file

from orchestrator import cli


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    directory = tmp_path_factory.mktemp("llama")
    config = transformers.LlamaConfig(
        vocab_size=256, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=1, head_dim=16, max_position_embeddings=32,
    )  # fmt: skip
    transformers.AutoModelForCausalLM.from_config(config).save_pretrained(directory)
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    tokenizer = tokenizers.Tokenizer(
        tokenizers.models.BPE(vocab={c: i for i, c in enumerate(alphabet)}, merges=[])
    )
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.save(str(directory / "tokenizer.json"))
    return directory


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("Grey ships pass the old light before dawn, and naïve gulls follow. " * 20)
    return path


def test_a_checkpoint_is_analysed_on_a_text(checkpoint, text, tmp_path, capsys):
    options = ["--evaluations", "64", "--sequences", "4", "--output", str(tmp_path / "out")]
    told = ["analyze", str(checkpoint), "--text", str(text), "--json", *options]
    assert cli.main(told) == 0
    document = json.loads(capsys.readouterr().out)
    assert len(document["components"]) == 2 * 2 + 2 + 1
    assert document["values"]["shapley_is_exact"]
    assert document["generations"] == document["sizes"] == []
    assert "no population" in document["equilibrium"]["price_source"]
    page = (tmp_path / "out" / "analysis.html").read_text()
    assert 'id="allocation"' in page
    assert 'id="generations"' not in page
    assert not (tmp_path / "out" / "sizes.parquet").exists()


def test_what_is_missing_is_told(checkpoint, text, tmp_path, capsys):
    short = tmp_path / "short.txt"
    short.write_text("Too short.")
    binary = tmp_path / "binary.txt"
    binary.write_bytes(b"\xff\xfe\x00")
    for options, told in (
        ([], "a checkpoint is analysed on a text, but got no --text"),
        (["--text", str(tmp_path / "none.txt")], "can be read as UTF-8, but No such file"),
        (["--text", str(binary)], "can be read as UTF-8, but"),
        (["--text", str(short)], "it holds 2 sequences of 32 tokens"),
        (["--text", str(text), "--member", "1"], "--member: it is given for a search alone"),
    ):
        assert cli.main(["analyze", str(checkpoint), *options]) == 2
        assert told in capsys.readouterr().err


def test_a_model_that_has_diverged_is_told(checkpoint, text, tmp_path, capsys):
    for name in ("config.json", "tokenizer.json"):
        (tmp_path / name).write_bytes((checkpoint / name).read_bytes())
    weights = load_file(checkpoint / "model.safetensors")
    weights["model.embed_tokens.weight"].fill_(float("nan"))
    save_file(weights, tmp_path / "model.safetensors")
    assert cli.main(["analyze", str(tmp_path), "--text", str(text), "--sequences", "2"]) == 2
    told = capsys.readouterr().err
    assert "its game can be measured, but losses of coalitions must be finite" in told
    assert not (tmp_path / "analysis").exists()


def test_a_checkpoint_without_a_tokenizer_or_of_another_type_is_told(
    checkpoint, text, tmp_path, capsys
):
    config = tmp_path / "config.json"
    config.write_text('{"model_type": "gpt2"}')
    assert cli.main(["analyze", str(tmp_path), "--text", str(text)]) == 2
    assert "model_type is one of llama, mistral, qwen3, arcee, but it is 'gpt2'" in (
        capsys.readouterr().err
    )
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((checkpoint / name).read_bytes())
    assert cli.main(["analyze", str(tmp_path), "--text", str(text)]) == 2
    assert "the checkpoint has a tokenizer that can be read" in capsys.readouterr().err
