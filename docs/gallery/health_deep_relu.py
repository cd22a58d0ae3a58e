"""A deep ReLU net with weights N(0, 0.1²) on digits: who is to blame, the advice, and a training by it."""

import tempfile

import numpy as np
from sklearn.datasets import load_digits
from torch import manual_seed, nn, tensor

import pellucid

digits = load_digits()
pixels = ((digits.images - digits.images.mean()) / digits.images.std()).astype(np.float32)

manual_seed(0)
layers: list[nn.Module] = [nn.Flatten()]
for i in range(19):
    layers += [nn.Linear(64 if i == 0 else 512, 512), nn.ReLU()]
model = nn.Sequential(*layers, nn.Linear(512, 10))
for each in model:
    if isinstance(each, nn.Linear):
        nn.init.normal_(each.weight, std=0.1)
        nn.init.zeros_(each.bias)

net = pellucid.open(model, input=pellucid.InputSpec.matrix(8, 8, 1))
v = pellucid.health(net, tensor(pixels[:256, None]), labels=digits.target[:256].tolist(), rate=0.02, rates=False)
for problem in v.options["problems"]:
    print(problem["text"], "→", problem["cure"])
trial = v.options["trial"]
print(trial)
v.show().savefig("health.png", dpi=100)

data = pellucid.dataset({"images": pixels, "digit": digits.target.astype(str)}, label="digit")
advice = {"init": trial["scheme"], "lr": trial["advised_rate"], "clip": trial["clip"]}
for changed in ({}, {"init": advice["init"]}, {"clip": advice["clip"]}, advice):
    choices = {"optimizer": "sgd", "lr": 0.02, "epochs": 10, **changed}
    with tempfile.TemporaryDirectory() as folder:
        try:
            run = pellucid.train(data, model=net, out=f"{folder}/run", **choices)
        except pellucid.NonFinite as found:
            print(changed or "as it is", "→", found)
            continue
        right = next(r for r in run.summary["scores"] if (r["split"], r["metric"]) == ("test", "accuracy"))
        low, high = right["value_low"], right["value_high"]
        print(changed, f"→ {right['value']:.1%} [{low:.1%}, {high:.1%}] of {right['items']} held-out digits right")
