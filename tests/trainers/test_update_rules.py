"""Update rules share one scale, decay matrices only, and obey the multipliers of components."""

import math
import os
import subprocess
import sys

import pytest
import torch
from lion_pytorch import Lion

from trainers.model import Transformer
from trainers.optimizers import ADAMW_UPDATE_RMS, UpdateRule, component_kind, learning_rate_scale

OPTIMIZERS = ["adamw", "lion", "muon", "sgd"]


@pytest.fixture
def model(architecture):
    m = Transformer(architecture())
    m.initialise(torch.Generator().manual_seed(0))
    return m


def rule_of(model, protocol):
    return UpdateRule(dict(model.named_parameters()), protocol)


def set_gradients(model, scale=1.0, seed=1):
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.grad = scale * torch.randn(parameter.shape, generator=generator)


def updates(model, rule, factor=1.0):
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    rule.step(factor)
    return {n: p.detach() - before[n] for n, p in model.named_parameters()}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_only_matrices_decay_and_all_rules_alike(model, protocol, optimizer):
    p = protocol(optimizer=optimizer, learning_rate=0.01, weight_decay=0.5)
    rule = rule_of(model, p)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    before = {n: w.detach().clone() for n, w in model.named_parameters()}
    multiplier = {"attention": 1.0, "ffn": 0.5, "embedding": 2.0, "other": 1.0}
    for name, change in updates(model, rule, 0.5).items():
        rate = 0.01 * 0.5 * multiplier[component_kind(name)] * 0.5
        expected = -rate * before[name] if before[name].ndim == 2 else torch.zeros_like(change)
        torch.testing.assert_close(change, expected, atol=2e-7, rtol=2e-3)


CLASSES = {
    "adamw": lambda p, **own: torch.optim.AdamW(p, betas=(0.9, 0.95), fused=True, **own),
    "lion": lambda p, **own: Lion(p, betas=(0.9, 0.95), **own),
    "muon": lambda p, **own: torch.optim.Muon(
        p, momentum=0.9, nesterov=True, ns_steps=5, adjust_lr_fn="match_rms_adamw", **own
    ),
    "sgd": lambda p, **own: torch.optim.SGD(p, momentum=0.9, dampening=0.9, fused=True, **own),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_updates_are_those_of_the_libraries_classes(model, protocol, optimizer):
    """Bit by bit, over three steps; SGD's decay is another, so that it has none here."""
    name = "layers.0.ffn.up.weight"
    decay = 0.0 if optimizer == "sgd" else 0.1
    p = protocol(optimizer=optimizer, learning_rate=0.01, weight_decay=decay, beta2=0.95)
    theirs = dict(model.named_parameters())[name].detach().clone().requires_grad_()
    scale = learning_rate_scale(optimizer, sum(w.numel() for w in model.parameters()))
    other = CLASSES[optimizer]([theirs], lr=1.0, weight_decay=decay / scale)
    if optimizer == "sgd":  # torch's begins with the first gradient, undamped
        other.state[theirs]["momentum_buffer"] = torch.zeros_like(theirs)
    rule = rule_of(model, p)
    for step in range(3):
        set_gradients(model, 1.0 + step, seed=step)
        theirs.grad = dict(model.named_parameters())[name].grad.clone()
        other.param_groups[0]["lr"] = 0.01 * 0.5 * (scale * p.ffn_lr_multiplier)
        rule.step(0.5)
        other.step()
        assert torch.equal(dict(model.named_parameters())[name], theirs)
    assert p.ffn_lr_multiplier != 1.0


def test_training_does_not_import_the_compiler():
    """It takes as long as torch itself, in every worker."""
    code = f"""
import sys, torch
from search_spaces.gpt.space import CENTRE
from trainers.model import Taps, Transformer
from trainers.optimizers import UpdateRule
from dataclasses import replace
a = replace(CENTRE.architecture, context_length=8)
model = Transformer(a)
model.initialise(torch.Generator().manual_seed(0))
tokens_BT = torch.zeros(2, 9, dtype=torch.int64)
for optimizer in {OPTIMIZERS}:
    rule = UpdateRule(dict(model.named_parameters()), replace(CENTRE.protocol, optimizer=optimizer))
    taps = Taps.zeros(a, 2, torch.device("cpu"))
    model.loss(tokens_BT[:, :-1], tokens_BT[:, 1:], taps=taps).mean().backward()
    rule.step(1.0)
assert "torch._dynamo" not in sys.modules
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_parameter_without_a_gradient_stays(model, protocol, optimizer):
    set_gradients(model)
    still = dict(model.named_parameters())["layers.1.ffn.up.weight"]
    still.grad = None
    changes = updates(model, rule_of(model, protocol(optimizer=optimizer)))
    assert not changes.pop("layers.1.ffn.up.weight").any()
    assert all(change.any() for change in changes.values())


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_no_learning_rate_no_change(model, protocol, optimizer):
    set_gradients(model)
    changes = updates(model, rule_of(model, protocol(optimizer=optimizer)), 0.0)
    assert all(not c.any() for c in changes.values())


@pytest.mark.parametrize("kind", ["attention", "ffn", "embedding"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_multipliers_scale_the_updates_of_their_kind(
    model, architecture, protocol, optimizer, kind
):
    other = Transformer(architecture())
    other.load_state_dict(model.state_dict())
    plain = {f"{k}_lr_multiplier": 1.0 for k in ("attention", "ffn", "embedding")}
    changed = {**plain, f"{kind}_lr_multiplier": 4.0}
    found = []
    for m, multipliers in ((model, plain), (other, changed)):
        set_gradients(m)
        rule = rule_of(m, protocol(optimizer=optimizer, **multipliers))
        found.append(updates(m, rule))
    for name in found[0]:
        expected = found[0][name] * (4.0 if component_kind(name) == kind else 1.0)
        torch.testing.assert_close(found[1][name], expected, atol=1e-6, rtol=1e-3)


@pytest.mark.parametrize("optimizer", ["lion", "muon", "sgd"])
def test_updates_have_adamws_root_mean_square(model, protocol, optimizer):
    """0.2 learning rates on hidden matrices, for a gradient of global norm 1 held for long."""
    p = protocol(
        optimizer=optimizer,
        learning_rate=1e-3,
        weight_decay=0.0,
        attention_lr_multiplier=1.0,
        ffn_lr_multiplier=1.0,
        embedding_lr_multiplier=1.0,
    )
    size = sum(w.numel() for w in model.parameters())
    rule = rule_of(model, p)
    set_gradients(model, 1 / math.sqrt(size))
    for _ in range(100):
        changes = updates(model, rule)
    change = changes["layers.0.ffn.up.weight"]
    root_mean_square = float(change.square().mean().sqrt())
    # Newton-Schulz leaves singular values within 0.7 to 1.2.
    assert root_mean_square == pytest.approx(ADAMW_UPDATE_RMS * 1e-3, rel=0.3)


def test_sgd_scale_grows_with_the_model():
    assert learning_rate_scale("sgd", 10_000) == pytest.approx(20.0)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_slots_cover_all_parameters_from_the_start(model, protocol, optimizer):
    rule = rule_of(model, protocol(optimizer=optimizer))
    names = {n for n, _ in model.named_parameters()}
    assert {slot.rpartition(".")[0] for slot in rule.slots()} == names
    assert set(rule.slots()) == set(rule.fresh_slots)
    assert not any(t.any() for t in rule.slots().values())


def test_muon_covers_hidden_matrices_only(model, protocol):
    slots = rule_of(model, protocol(optimizer="muon")).slots()
    assert "layers.0.ffn.up.weight.momentum_buffer" in slots
    for name in ("embedding.weight", "unembedding.weight", "layers.0.norm_ffn.weight"):
        assert f"{name}.exp_avg_sq" in slots


def test_muon_charges_its_iterations(model, protocol):
    assert rule_of(model, protocol(optimizer="adamw")).flops_per_step() == 0.0
    matrices = [
        w.shape for n, w in model.named_parameters() if n.startswith("layers.") and w.ndim == 2
    ]
    by_hand = sum(
        5 * (2 * a * a * b + 2 * a * a * a + 2 * a * a * b) for a, b in map(sorted, matrices)
    )
    assert rule_of(model, protocol(optimizer="muon")).flops_per_step() == by_hand
