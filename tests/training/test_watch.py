"""Who made the first NaN: named, told apart from who passed it on, and nothing left behind."""

from __future__ import annotations

import dataclasses
import math
import pickle
import warnings
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

import nets
import pellucid
from pellucid.training.nonfinite import NonFiniteWarning
from pellucid.training.watch import Watch
from training.hooks import hooks_on


class Planted(nn.Module):
    """Linear layers with an operation between the second and the third."""

    def __init__(self, plant: Callable[[Tensor], Tensor] = lambda x: x) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.one, self.two, self.three = nn.Linear(6, 8), nn.Linear(8, 8), nn.Linear(8, 3)
        self.relu = nn.ReLU(inplace=True)
        self.plant = plant

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.two(self.relu(self.one(x))))
        return self.three(self.plant(x))


class Log(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.log(x)


INPUT = torch.randn(5, 6, generator=torch.Generator().manual_seed(3))


def train(module: nn.Module, x: Tensor, optimizer: torch.optim.Optimizer | None = None) -> None:
    """One step."""
    module(x).square().mean().backward()
    if optimizer:
        optimizer.step()


def train_with_a_log_at_the_third_step(module: Planted, optimizer: torch.optim.Optimizer) -> None:
    for step in range(5):
        module.plant = torch.log if step == 2 else lambda x: x
        optimizer.zero_grad()
        train(module, INPUT, optimizer)


def run_three_times(module: nn.Module) -> None:
    for _ in range(3):
        module(INPUT)


def found(
    module: nn.Module, x: Tensor = INPUT, *, optimizer: bool = False, at_once: bool = True, **options: object
) -> pellucid.NonFinite:
    """One training step that must be refused, and must leave no hook."""
    adam = torch.optim.Adam(module.parameters(), 1e-3) if optimizer else None
    w = pellucid.watch(module, adam, **options)
    w._at_once = at_once
    with pytest.raises(pellucid.NonFinite) as caught, w:
        train(module, x, adam)
    assert hooks_on(module, adam) == 0
    assert caught.value.finding is w.findings[0]
    return caught.value


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "after the pass"])
def test_a_planted_log_of_zero_is_named_and_downstream_never(at_once: bool) -> None:
    error = found(Planted(torch.log), at_once=at_once)
    finding = error.finding
    assert (finding.phase, finding.cause, finding.operation, finding.step) == ("forward", "function", "log", 1)
    assert "log in Planted.forward, between relu:2 and three, gave" in str(error)
    x = Planted()
    zeros = int((x.relu(x.two(x.relu(x.one(INPUT)))) == 0).sum())
    assert (finding.look.minus, finding.look.nan, finding.look.plus, finding.look.total) == (zeros, 0, 0, 40)
    assert f"{zeros} of the 40 numbers that it took are 0 or less" in finding.why
    assert finding.propagators == ("three",)
    assert "clamp" in error.cure


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "after the pass"])
def test_a_planted_module_is_named(at_once: bool) -> None:
    finding = found(Planted(Log()), at_once=at_once).finding
    assert (finding.cause, finding.layer, finding.operation) == ("layer", "plant", "log")
    assert finding.place == "plant (Log)"
    assert finding.propagators == ("three",)
    assert finding.look.minus > 0


@pytest.mark.parametrize(
    ("plant", "operation", "why"),
    [
        (lambda x: 1 / x, "reciprocal", "0"),
        (lambda x: x / (x - x), "div", "below the fraction line"),
        (lambda x: torch.exp(x * 1e9), "exp", "too large"),
        (lambda x: torch.sqrt(-x - 1), "sqrt", "less than 0"),
        (lambda x: torch.log1p(x - 2), "log1p", "−1 or less"),
        (lambda x: (torch.log(x) * 2 + 1).relu() - torch.log(x), "log", "0 or less"),
        (lambda x: torch.acos(x + 2), "acos", "outside"),
    ],
)
def test_operations_say_why(plant: Callable[[Tensor], Tensor], operation: str, why: str) -> None:
    finding = found(Planted(plant)).finding
    assert (finding.cause, finding.operation) == ("function", operation)
    assert why in finding.why


def test_bad_input_is_no_layers_fault() -> None:
    x = INPUT.clone()
    x[2, 1] = math.nan
    error = found(Planted(), x)
    assert (error.finding.cause, error.finding.look.nan, error.finding.look.total) == ("input", 1, 30)
    assert "the network was given 1 NaN in 30 numbers" in str(error)
    assert error.finding.propagators[0] == "one"


def test_a_bad_parameter_is_told_apart_from_a_layer_that_makes_nan() -> None:
    module = Planted()
    with torch.no_grad():
        module.two.weight[1, 1] = math.inf
    finding = found(module).finding
    assert (finding.cause, finding.parameter, finding.layer) == ("parameter", "two.weight", "two")
    assert (finding.look.plus, finding.look.total) == (1, 64)


def test_a_bad_buffer_and_a_containers_own_parameter() -> None:
    net = nets.module("modules").eval()
    net.bn1.running_var[2] = math.nan
    finding = found(net, nets.images()).finding
    assert (finding.cause, finding.parameter) == ("parameter", "bn1.running_var")
    assert "reset_running_stats" in finding.cure

    class Scaled(Planted):
        def __init__(self) -> None:
            super().__init__(lambda x: x * self.scale)
            self.scale = nn.Parameter(torch.tensor(math.nan))

    finding = found(Scaled()).finding
    assert (finding.cause, finding.parameter) == ("parameter", "scale")


def test_the_step_and_the_call_are_those_where_it_happens() -> None:
    module = Planted()
    sgd = torch.optim.SGD(module.parameters(), 1e-3)
    with pytest.raises(pellucid.NonFinite, match=r"^step 3, forward pass: log"), pellucid.watch(module, sgd) as w:
        train_with_a_log_at_the_third_step(module, sgd)
    assert w.steps == 2
    assert all(torch.isfinite(p).all() for p in module.parameters())
    assert w.report().table[1]["layer"] == "relu:1"


# -- nested outputs -------------------------------------------------------------------------------


@dataclasses.dataclass
class Answer:
    mask: Tensor
    scores: Tensor


NESTED: dict[str, Callable[[Tensor], object]] = {
    "tuple": lambda x: (torch.arange(3), x),
    "dict": lambda x: {"index": torch.arange(3), "scores": x},
    "dataclass": lambda x: Answer(torch.ones(3, dtype=torch.bool), x),
    "deep": lambda x: [{"a": (Answer(torch.zeros(2, dtype=torch.int64), x),)}, None, "text"],
}


def first_of(value: object) -> Tensor:
    from pellucid.training.tensors import floats_in

    return floats_in(value)[0]


@pytest.mark.parametrize("form", NESTED)
def test_nested_outputs_are_looked_into_and_whole_numbers_left_alone(form: str) -> None:
    class Inner(nn.Module):
        def forward(self, x: Tensor) -> object:
            return NESTED[form](x.log())

    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.start, self.inner, self.end = nn.Linear(6, 4), Inner(), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.end(first_of(self.inner(self.start(x).relu())))

    finding = found(Outer()).finding
    assert (finding.layer, finding.operation, finding.propagators) == ("inner", "log", ("end",))


# -- backward -------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", [False, True])
@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "after the pass"])
def test_a_gradient_is_traced_to_the_operation_that_made_it(optimizer: bool, at_once: bool) -> None:
    """√0 has the value 0 and an infinite slope. Its own input's layer is linear, so that no ReLU blocks it."""
    module = Planted(lambda x: torch.sqrt(module.two(x) * 0))
    before = [p.clone() for p in module.parameters()]
    error = found(module, optimizer=optimizer, at_once=at_once)
    finding = error.finding
    assert (finding.phase, finding.cause, finding.operation) == ("backward", "function", "sqrt")
    assert finding.place == "Planted.forward, between two:2 and three,"
    assert "three" not in finding.propagators
    assert {"two:2", "one"} <= set(finding.propagators) or {"two:2", "relu:2"} <= set(finding.propagators)
    assert "slope" in finding.why
    assert (finding.look is None) is not at_once
    assert all(torch.equal(a, b) for a, b in zip(before, module.parameters(), strict=True))


def test_where_several_use_a_tensor_the_one_with_the_bad_gradient_is_named() -> None:
    class Root(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return (x * 0).sqrt()

    class Fan(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.start, self.good, self.root, self.late = nn.Linear(6, 4), nn.Linear(4, 4), Root(), nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            x = self.start(x)
            return self.good(x) + self.root(x) + self.late(x) + x

    finding = found(Fan()).finding
    assert (finding.phase, finding.layer, finding.operation) == ("backward", "root", "sqrt")
    assert finding.propagators == ("start",)


def test_the_loss_is_named_and_as_a_module_it_is_looked_into() -> None:
    module = Planted()
    with pytest.raises(pellucid.NonFinite, match="the loss"), pellucid.watch(module):
        (module(INPUT) * 0).sqrt().sum().backward()

    class Root(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return (x * 0).sqrt().sum()

    loss = Root()
    with pytest.raises(pellucid.NonFinite, match=r"loss \(Root\)"), pellucid.watch(module, loss=loss):
        loss(module(INPUT)).backward()
    assert hooks_on(loss) == hooks_on(module) == 0


def test_a_bad_gradient_that_reaches_no_parameter_is_not_told() -> None:
    """ReLU's gradient drops what belongs to zeros, so √0 behind it harms nobody."""
    module = Planted(torch.sqrt)
    with pellucid.watch(module) as w:
        module(INPUT).square().mean().backward()
    assert not w.findings
    assert w.contained[0].operation == "sqrt"
    assert any("√" in n or "sqrt" in n for n in w.report().notes)


@pytest.mark.parametrize("name", [*nets.NETS])
def test_gradients_have_the_size_that_full_retention_shows(name: str) -> None:
    """In-place activations, reused modules, functional style, residual sums: as retained gradients of clones."""
    module, x = nets.module(name), nets.images()
    kept: dict[str, list[Tensor]] = {}

    def keep(layer: str, output: Tensor) -> Tensor:
        output.retain_grad()
        kept.setdefault(layer, []).append(output)
        return output.clone()  # so that an in-place activation overwrites the clone

    leaves = {n: m for n, m in module.named_modules() if not list(m.children())}
    handles = [m.register_forward_hook(lambda m, i, o, n=n: keep(n, o)) for n, m in leaves.items()]
    module(x).square().sum().backward()
    for handle in handles:
        handle.remove()
    truth = {
        (n if len(ts) == 1 else f"{n}:{i}"): float(t.grad.square().mean())
        for n, ts in kept.items()
        for i, t in enumerate(ts, start=1)
    }
    module.zero_grad()
    with pellucid.watch(module, action="record") as w:
        module(x).square().sum().backward()
    seen = w.history.last.gradient
    for layer, value in seen.items():
        assert value == pytest.approx(truth[layer], rel=1e-4, abs=1e-12), layer
    assert len(seen) >= len(truth) / 2  # all but those whose output was overwritten before autograd could use it


def test_the_gradients_size_is_the_one_that_clipping_would_find() -> None:
    module = nets.module("modules")
    with pellucid.watch(module) as w:
        module(nets.images()).square().sum().backward()
    total = torch.nn.utils.clip_grad_norm_(module.parameters(), math.inf)
    assert w.history.last.gradient_norm == pytest.approx(float(total), rel=1e-5)


def test_with_an_optimizer_the_gradients_are_summed_over_its_backward_passes() -> None:
    module, parts = nets.module("modules"), nets.images(6).split(2)
    sgd = torch.optim.SGD(module.parameters(), 1e-3)
    with pellucid.watch(module, sgd) as w:
        for part in parts:
            module(part).square().sum().backward()
        total = torch.nn.utils.clip_grad_norm_(module.parameters(), 1e-3)
        sgd.step()
    assert w.history.last.gradient_norm == pytest.approx(float(total), rel=1e-5)
    with pellucid.watch(module) as w:  # where a step is a backward pass
        module(parts[0]).square().sum().backward()
    module.zero_grad()
    module(parts[0]).square().sum().backward()
    last = torch.nn.utils.clip_grad_norm_(module.parameters(), math.inf)
    assert w.history.last.gradient_norm == pytest.approx(float(last), rel=1e-2)


def test_shared_parameters_and_views_are_no_trap() -> None:
    class Tied(nn.Module):
        """One weight in two layers, outputs that are views and are written into."""

        def __init__(self) -> None:
            super().__init__()
            self.one, self.two, self.split = nn.Linear(6, 6), nn.Linear(6, 6), Halves()
            self.two.weight = self.one.weight

        def forward(self, x: Tensor) -> Tensor:
            first, second = self.split(self.one(x))
            first.mul_(2)
            second = second + first
            return self.two(torch.cat([first, second], 1).relu_())

    module, x = Tied(), INPUT
    module(x).square().sum().backward()
    truth = [p.grad.clone() for p in module.parameters()]
    module.zero_grad()
    with pellucid.watch(module) as w:
        module(x).square().sum().backward()
    assert all(torch.equal(a, p.grad) for a, p in zip(truth, module.parameters(), strict=True))
    assert w.history.last.gradient["two"] > 0
    with torch.no_grad():
        module.one.weight[0, 0] = math.inf
    assert found(module).finding.parameter == "one.weight"


class Halves(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x[:, :3], x[:, 3:]


# -- what must not be accused ---------------------------------------------------------------------


def test_a_mask_of_minus_infinity_is_no_fault() -> None:
    class Masked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention, self.head = nn.MultiheadAttention(8, 2, batch_first=True), nn.Linear(8, 2)
            self.soft, self.bad = nn.Softmax(-1), False

        def forward(self, x: Tensor) -> Tensor:
            mask = torch.full((4, 4), -math.inf).triu(1)
            x = self.attention(x, x, x, attn_mask=mask)[0]
            scores = self.soft((x @ x.transpose(1, 2)).masked_fill(mask < 0, -math.inf))
            x = self.head(scores @ x)
            return x.log() if self.bad else x

    module, x = Masked(), torch.randn(2, 4, 8)
    with pellucid.watch(module) as w:
        module(x).sum().backward()
    assert not w.findings
    module.bad = True
    finding = found(module, x).finding
    assert (finding.operation, finding.place) == ("log", "Masked.forward, after head,")


def test_nan_that_is_replaced_in_the_network_is_only_noted() -> None:
    module = Planted(lambda x: x)
    module.three = nn.Sequential(Log(), Replace(), nn.Linear(8, 3))
    with pellucid.watch(module) as w, torch.no_grad():
        module(INPUT)
    assert not w.findings
    assert w.contained[0].layer == "three.0"


class Replace(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.nan_to_num(x, neginf=0.0)


def test_a_step_that_a_scaler_skips_is_not_told() -> None:
    module = Planted(lambda x: x * module.factor)
    module.factor = 1.0
    sgd = torch.optim.SGD(module.parameters(), 1e-3)
    with pellucid.watch(module, sgd) as w:
        for scale in (1e38, 1.0):  # the scaled loss's gradient overflows, and the step is skipped
            sgd.zero_grad()
            (module(INPUT).mul(100).square().sum() * scale).backward()
            if all(torch.isfinite(p.grad).all() for p in module.parameters()):
                sgd.step()
    assert not w.findings
    assert len(w.skipped) == 1
    assert w.steps == 1


# -- nothing changes, nothing is left -------------------------------------------------------------


class Wide(nn.Module):
    """Batch norm, dropout, in-place activations and a checkpoint."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(inplace=True), nn.Dropout(0.3))
        self.late = nn.Sequential(nn.Linear(16, 16), nn.ReLU(inplace=True))
        self.head = nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(checkpoint(self.late, self.body(x), use_reentrant=False))


def losses(*, watched: bool, at_once: bool = True, bad_at: int | None = None) -> list[float]:
    torch.manual_seed(0)
    module = Wide()
    adam = torch.optim.Adam(module.parameters(), 1e-2)
    w = pellucid.watch(module, adam, action="record")
    w._at_once = at_once
    told = []
    with w if watched else torch.enable_grad():
        for step in range(12):
            adam.zero_grad()
            x = torch.randn(32, 6)
            if step == bad_at:
                x[0, 0] = math.nan
                module.eval()
            loss = F.cross_entropy(module(x), torch.arange(32) % 3)
            if step != bad_at:
                loss.backward()
                adam.step()
            module.train()
            told.append(float(loss.detach()))
    assert hooks_on(module, adam) == 0
    return told


def test_watching_changes_no_bit() -> None:
    bare = losses(watched=False)
    assert losses(watched=True) == bare
    assert losses(watched=True, at_once=False) == bare


def test_running_the_pass_again_changes_no_bit() -> None:
    bare, seen = losses(watched=False, bad_at=4), losses(watched=True, at_once=False, bad_at=4)
    assert math.isnan(bare[4])
    assert bare[:4] + bare[5:] == seen[:4] + seen[5:]


def test_no_hook_is_left_after_an_error_of_the_users() -> None:
    class Breaks(Planted):
        def forward(self, x: Tensor) -> Tensor:
            if x.shape[0] == 1:
                raise RuntimeError("mine")
            return super().forward(x)

    module = nn.Sequential(nn.Identity(), Breaks())
    sgd = torch.optim.SGD(module.parameters(), 0.1)
    with pytest.raises(RuntimeError, match="mine"), pellucid.watch(module, sgd):
        module(INPUT[:1])
    assert hooks_on(module, sgd) == 0
    with pellucid.watch(module, sgd) as w:
        with pytest.raises(RuntimeError, match="mine"):
            module(INPUT[:1])
        module(INPUT).sum().backward()
        sgd.step()
        output = module(INPUT)
    assert w.steps == 1
    assert w.history.last.activation.keys() == {"1.one", "1.relu:1", "1.two", "1.relu:2", "1.three"}
    output.sum().backward()  # the graph lives on, unwatched
    assert (w.steps, hooks_on(module, sgd)) == (1, 0)


def test_the_graph_is_freed() -> None:
    import gc
    import weakref

    module = Planted()
    gc.collect()
    gc.disable()
    try:
        with pellucid.watch(module):
            output = module(INPUT)
            node = weakref.ref(output)
            output.sum().backward()
            del output
            assert node() is None
    finally:
        gc.enable()


def test_accumulated_gradients_and_evaluation_within_the_loop() -> None:
    module = Planted()
    sgd = torch.optim.SGD(module.parameters(), 1e-3)
    with pellucid.watch(module, sgd) as w:
        for _ in range(3):
            for _ in range(2):
                module(INPUT).sum().backward()
            with torch.no_grad():
                module(INPUT)
            with torch.inference_mode():
                module(INPUT)
            sgd.step()
    assert w.steps == 3
    assert [r.step for r in w.history.rows] == [1, 2, 3]


# -- actions, limits, reports ---------------------------------------------------------------------


def test_warn_warns_once_and_record_is_silent() -> None:
    module = Planted(torch.log)
    with pytest.warns(NonFiniteWarning, match="log in Planted.forward") as told, pellucid.watch(module, action="warn"):
        run_three_times(module)
    assert len(told) == 1
    with pellucid.watch(module, action="record") as w:
        run_three_times(module)
    assert len(w.findings) == 3


@pytest.mark.parametrize(("dtype", "size"), [(torch.float32, 1e38), (torch.float16, 3e4), (torch.float64, 1e308)])
def test_numbers_near_the_limit_are_told(dtype: torch.dtype, size: float) -> None:
    module = nn.Sequential(nn.Identity(), nn.Hardtanh(-size, size)).to(dtype)
    x = torch.tensor([[size, 1.0]], dtype=dtype)
    with pytest.warns(NonFiniteWarning, match="more than a tenth"), pellucid.watch(module) as w:
        module(x)
    assert not w.findings
    small = torch.tensor([[torch.finfo(dtype).max * 0.05, 1.0]], dtype=dtype)
    with pellucid.watch(module) as w:
        module(small)
    assert not w.near


def test_float16_overflow_says_so() -> None:
    module = nn.Linear(4, 2).half()
    nn.init.constant_(module.weight, 1e4)
    with pytest.raises(pellucid.NonFinite, match="float16 ends at 65504"), pellucid.watch(module):
        module(torch.full((1, 4), 9.0, dtype=torch.float16))


def test_the_report_is_a_view_that_is_bounded_and_saved(tmp_path: object) -> None:
    module = Planted()
    sgd = torch.optim.SGD(module.parameters(), 1e-4)
    with pellucid.watch(module, sgd) as w:
        for _ in range(1300):
            sgd.zero_grad()
            module(INPUT).square().mean().backward()
            sgd.step()
    view = w.report()
    assert view.kind == "watch"
    assert view["activation"].shape == view["gradient"].shape == (len(view["step"]), 5)
    assert len(view["step"]) <= 513
    assert (view["step"][0], view["step"][-1], view.options["every"]) == (1, 1300, 4)
    assert (view["gradient_norm"] > 0).all()
    saved = view.save(tmp_path / "watch")
    assert pellucid.load(saved) == view


def test_mistakes() -> None:
    with pytest.raises(pellucid.BadInput, match="action"):
        pellucid.watch(Planted(), action="shout")
    with pytest.raises(pellucid.BadInput, match=r"nn\.Module"):
        pellucid.watch("model")
    with pytest.raises(pellucid.BadInput, match="DataParallel"):
        pellucid.watch(nn.DataParallel(Planted()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own about TorchScript's future
        scripted = torch.jit.script(nn.Linear(2, 2))
    with pytest.raises(pellucid.BadInput, match="TorchScript"):
        pellucid.watch(scripted)
    with pytest.raises(pellucid.BadInput, match="compile"):
        pellucid.watch(torch.compile(nn.Linear(2, 2)))
    with pytest.raises(pellucid.BadInput, match="loss"):
        pellucid.watch(Planted(), loss=F.cross_entropy)
    w: Watch = pellucid.watch(Planted())
    with w, pytest.raises(pellucid.BadInput, match="already"), w:
        pass
    with pytest.raises(pellucid.BadInput, match="nothing was seen"):
        w.report()


def test_the_error_travels() -> None:
    error = found(Planted(torch.log))
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.exit_code) == (str(error), 1)


@pytest.mark.parametrize(
    "name", ["torchvision:vgg11", "timm:legacy_xception", "timm:vit_tiny_patch16_224", "torchvision:googlenet"]
)
@pytest.mark.slow
def test_architectures(name: str) -> None:
    """A NaN planted in the middle of real networks is found where it is."""
    network = pellucid.open(name, weights="none")
    module = network.module.train()
    x = network.probe(2)
    leaves = [n for n, m in module.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    middle = leaves[len(leaves) // 2]
    with pellucid.watch(module, action="record") as w:
        output = module(x)
        first_of(output).sum().backward()
    assert not w.findings
    assert all(v > 0 for n, v in w.history.last.gradient.items() if n.split(":")[0] in leaves)
    with torch.no_grad():
        module.get_submodule(middle).weight.flatten()[0] = math.nan
    with pytest.raises(pellucid.NonFinite) as caught, pellucid.watch(module):
        module(x)
    assert caught.value.finding.parameter == f"{middle}.weight"
    assert hooks_on(module) == 0


def test_it_tells_in_one_line_what_it_has_seen() -> None:
    module = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    watched = pellucid.watch(module, action="record")
    assert repr(watched) == "<Watch: 0 steps, nothing seen yet>"
    with watched:
        module(torch.ones(1, 2)).sum().backward()
        assert repr(watched) == "<Watch (watching): 1 step, all good so far>"
        module(torch.full((1, 2), math.nan)).sum().backward()
    told = repr(watched)
    assert "1 not finite; first: " in told or "2 not finite; first: " in told
    assert watched.findings[0].what in told
    assert "\n" not in told
