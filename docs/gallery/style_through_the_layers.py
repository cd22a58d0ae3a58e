"""Which layers of the default network carry content and which style, by the photos and textures at hand."""

import pellucid

net = pellucid.open("efficientnet_lite0")
v = pellucid.style(net)
for row in v.table:
    print(row["layer"], f"C·P {row['both']:.2f}", f"S {row['style']:.2f}", row["role"])
v.show().savefig("style.png", dpi=80)
