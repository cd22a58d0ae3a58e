
// One slider for the number of regions. Everything is in the page; without this script the number asked for is shown.
const clusters = document.getElementById("clusters");
function showClusters() {
  for (const each of document.querySelectorAll("[data-step]")) each.hidden = each.dataset.step !== clusters.value;
  document.getElementById("clusters-value").textContent = clusters.getAttribute("aria-valuetext");
}
if (clusters) {
  const names = clusters.dataset.names.split(" ");
  const follow = () => {
    clusters.setAttribute("aria-valuetext", names[clusters.value]);
    showClusters();
  };
  clusters.addEventListener("input", follow);
  document.getElementById("clusters-control").hidden = false;
  follow();
}
