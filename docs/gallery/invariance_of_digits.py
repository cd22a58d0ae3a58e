"""Where the default network stops telling a digit from its mirror image, and from which layer to re-train."""

import pellucid
from pellucid.data.digits import one_sided_digits

net = pellucid.open("efficientnet_lite0")
v = pellucid.invariance(net, one_sided_digits(160), layers=["conv_stem", "blocks.*", "bn2"], size=97)
for row in v.table:
    probes = f"the average tells {row['probe']:.2f}, its halves {row['probe_parts']:.2f}"
    print(f"{row['layer']:<10} D_inv {row['d_inv']:.2f}, D_eq {row['d_eq']:.2f}, D_map {row['d_map']:.2f}; {probes}")
print("re-train from", v.options["unfreeze_from"])
v.show().savefig("invariance.png", dpi=90)
