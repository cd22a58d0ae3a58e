"""What each layer tells apart, in photos grouped together."""

import pellucid

net = pellucid.open("efficientnet_lite0")
v = pellucid.regions(net, ["example:cat", "example:coffee", "example:china", "example:astronaut"])
for row in v.table:
    print(row["layer"], f"silhouette {row['silhouette']:.2f}, of the raw colours {row['rgb_silhouette']:.2f}")
v.show().savefig("regions.png", dpi=70)
