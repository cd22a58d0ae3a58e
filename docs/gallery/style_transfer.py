"""A cat in the style of stained tissue, by the layers that the scores recommend."""

from skimage.data import immunohistochemistry

import pellucid

net = pellucid.open("efficientnet_lite0")
tissue = pellucid.Sample(immunohistochemistry(), source="tissue")
v = pellucid.stylize(
    net,
    "example:cat",
    tissue,
    content_layers="blocks.1.1",
    style_layers=["blocks.0.0", "blocks.1.1", "blocks.2.0", "blocks.3.2", "blocks.5.0"],
    steps=200,
)
for row in v.table:
    print(row["role"], row["layer"], f"{row['before']:.2f} → {row['after']:.3f}")
v.show().savefig("stylize.png", dpi=70)
