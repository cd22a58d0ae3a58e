"""The default network's filters on the example photos: the first layer, a bar a layer, patches deeper down."""

from PIL import Image

import pellucid

net = pellucid.open("efficientnet_lite0")
v = pellucid.filters(net, ["example:*"], units=4, patches=8)
for row in v.table:
    if row["duplicates"] or row["dead"]:
        print(f"{row['layer']}: {row['filters']} filters, {row['dead']} dead, {row['duplicates']} duplicates")
v.show().savefig("filters.png", dpi=85)
Image.open("filters.png").convert("RGB").quantize(256).save("filters.png", optimize=True)
