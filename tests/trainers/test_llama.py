"""Checkpoints of Llama type: the logits of `transformers`, or an error that says why not."""

import json

import pytest
import torch

from trainers.llama import ForeignCheckpointError, read_llama

transformers = pytest.importorskip("transformers", reason="compared with transformers")

SMALL = {
    "vocab_size": 61, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8,
    "max_position_embeddings": 64, "rms_norm_eps": 1e-5,
}  # fmt: skip


def saved(directory, config, **options):
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_config(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():  # nothing may hide in a gain of 1 or a small weight
            parameter.add_(0.2 * torch.randn_like(parameter))
    model.save_pretrained(directory, **options)
    return model


def assert_same_function(model, theirs):
    tokens = torch.randint(0, 61, (3, 20), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(model(tokens), theirs(tokens).logits, rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("LlamaConfig", {"tie_word_embeddings": False}),
        ("LlamaConfig", {"tie_word_embeddings": True}),
        (
            "LlamaConfig",
            {"rope_parameters": {"rope_type": "default", "rope_theta": 500.0}},
        ),
        ("MistralConfig", {"sliding_window": None}),
        ("Qwen3Config", {}),
        ("ArceeConfig", {"hidden_act": "relu2"}),
    ],
)
def test_the_logits_are_those_of_transformers(tmp_path, kind, options):
    theirs = saved(tmp_path, getattr(transformers, kind)(**SMALL, **options))
    assert_same_function(read_llama(tmp_path), theirs)


def test_shards_are_joined(tmp_path):
    theirs = saved(tmp_path, transformers.LlamaConfig(**SMALL), max_shard_size="20KB")
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 1
    assert_same_function(read_llama(tmp_path), theirs)


def test_context_is_cut_but_never_stretched(tmp_path):
    saved(tmp_path, transformers.LlamaConfig(**SMALL))
    assert read_llama(tmp_path, context_length=16).architecture.context_length == 16
    assert read_llama(tmp_path, context_length=999).architecture.context_length == 64


@pytest.mark.parametrize(
    ("change", "law"),
    [
        ({"model_type": "gpt2"}, "model_type is one of llama, mistral, qwen3, arcee"),
        ({"attention_bias": True}, "attention_bias is None or False"),
        ({"hidden_act": "gelu"}, "hidden_act is silu"),
        ({"rope_parameters": {"rope_type": "yarn"}}, "rotary positions are not scaled"),
        ({"hidden_size": None}, "hidden_size is given"),
        ({"intermediate_size": 64}, "has the shape"),
        ({"num_hidden_layers": 3}, "every weight is there"),
        ({"num_hidden_layers": 1}, "all weights are known"),
    ],
)
def test_what_our_models_cannot_be_is_an_error(tmp_path, change, law):
    saved(tmp_path, transformers.LlamaConfig(**SMALL))
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(ForeignCheckpointError) as error:
        read_llama(tmp_path)
    assert law in str(error.value)


def test_missing_and_damaged_files_are_told(tmp_path):
    with pytest.raises(ForeignCheckpointError, match=r"config\.json: it can be read as JSON"):
        read_llama(tmp_path)
    saved(tmp_path, transformers.LlamaConfig(**SMALL))
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ForeignCheckpointError, match="the weights can be read"):
        read_llama(tmp_path)
