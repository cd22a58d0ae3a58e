"""Three methods on two photos, in one figure each."""

import pellucid

net = pellucid.open("efficientnet_lite0")
photos = ["example:cat", "example:coffee"]
for method in ("grad_cam", "integrated_gradients", "occlusion"):
    e = pellucid.explain(net, photos, method=method, target=["tiger cat", "espresso"])
    print(method, e.receipt.relative_gap, f"{e.receipt.seconds:.1f} s")
    e.show().savefig(f"{method}.png")
