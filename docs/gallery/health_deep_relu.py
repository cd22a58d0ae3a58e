"""A deep ReLU net with weights N(0, 0.1²) on digits: which layer is to blame, and the advice, tried."""

import torch
from sklearn.datasets import load_digits
from torch import nn

import pellucid

digits = load_digits()
x = torch.tensor(digits.images[:256, None], dtype=torch.float32)
x, labels = (x - x.mean()) / x.std(), digits.target[:256].tolist()

torch.manual_seed(0)
layers: list[nn.Module] = [nn.Flatten()]
for i in range(19):
    layers += [nn.Linear(64 if i == 0 else 512, 512), nn.ReLU()]
model = nn.Sequential(*layers, nn.Linear(512, 10))
for each in model:
    if isinstance(each, nn.Linear):
        nn.init.normal_(each.weight, std=0.1)
        nn.init.zeros_(each.bias)

net = pellucid.open(model, input=pellucid.InputSpec.matrix(8, 8, 1))
v = pellucid.health(net, x, labels=labels, rate=0.02, rates=False)
for problem in v.options["problems"]:
    print(problem["text"], "→", problem["cure"])
print(v.options["trial"])
v.show().savefig("health.png", dpi=100)
