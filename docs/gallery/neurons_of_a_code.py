"""A small autoencoder of handwritten digits: which of its ten code units matter, and what each of them does."""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

import pellucid

digits = load_digits()
x = torch.from_numpy(digits.images / 16).float()[:, None]

torch.manual_seed(0)
encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
decoder = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 64), nn.Unflatten(1, (1, 8, 8)))
model = nn.Sequential(encoder, decoder)
optimiser = torch.optim.Adam(model.parameters(), 3e-3)
for _ in range(60):
    for batch in torch.randperm(len(x)).split(128):
        loss = nn.functional.mse_loss(model(x[batch]), x[batch])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
print(f"trained: mean squared error {loss.item():.4f}")

net = pellucid.open(model, input=pellucid.InputSpec.matrix(8, 8), output="values")
ink = x.mean((1, 2, 3)).numpy()
lean = np.array([np.polyfit(*np.nonzero(p > 0.5), 1)[0] for p in x[:, 0].numpy()])
v = pellucid.neurons(net, x, "0", factors={"digit": digits.target, "ink": ink, "lean": lean})
for row in v.table:
    print(row["unit"], f"{row['delta']:.4f}, of that its own {row['unique']:.4f}", row["factor"])
v.show().savefig("neurons.png", dpi=80)
