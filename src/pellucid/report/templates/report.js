"use strict";

// One slider for every heat layer. Without this script the layers stay fully visible.
const slider = document.getElementById("opacity");
const shown = document.getElementById("opacity-value");
function setOpacity() {
  document.documentElement.style.setProperty("--heat", slider.value / 100);
  shown.textContent = `${slider.value} %`;
}
if (slider) {
  slider.addEventListener("input", setOpacity);
  document.getElementById("opacity-control").hidden = false;
  setOpacity();
}

// A touch screen has no hover: a tap shows the bare photo, another the heat again.
for (const view of document.querySelectorAll("button.view")) {
  view.addEventListener("click", () => {
    view.setAttribute("aria-pressed", String(view.getAttribute("aria-pressed") !== "true"));
  });
}

function select(element) {
  const range = document.createRange();
  range.selectNodeContents(element);
  const selection = getSelection();
  selection.removeAllRanges();
  selection.addRange(range);
}

function say(button, text) {
  document.getElementById("said").textContent = text;
  button.textContent = text;
  setTimeout(() => { button.textContent = "Copy"; }, 2000);
}

// Pages opened from a file may have no clipboard: then the text is selected for the keyboard to copy.
async function copy(button) {
  const source = document.getElementById(button.dataset.copies);
  try {
    await navigator.clipboard.writeText(source.textContent);
    say(button, "Copied");
  } catch {
    select(source);
    say(button, "Selected: press Ctrl+C");
  }
}
for (const button of document.querySelectorAll("button.copy")) {
  button.hidden = false;
  button.addEventListener("click", () => copy(button));
}

addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
});
