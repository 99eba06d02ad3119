"use strict";
/* Draws the plots one after another, sorts the table of networks, and copies commands. */

const boxes = [...document.querySelectorAll("[data-figure]")];
const paperWidth = 680; // CSS pixels between the margins of an A4 page

function draw(box) {
  const figure = JSON.parse(document.getElementById(box.dataset.figure).textContent);
  return Plotly.newPlot(box, figure.data, figure.layout, { responsive: true, displaylogo: false })
    .catch((error) => { box.textContent = "This plot could not be drawn: " + error.message; });
}

async function drawAll() {
  for (const box of boxes) {
    await draw(box);
    await new Promise((resume) => setTimeout(resume)); // the page stays usable meanwhile
  }
  document.documentElement.dataset.drawn = "all";
}

function cellValue(row, column) {
  return row.cells[column].dataset.value;
}

function compare(first, second, isNumber) {
  return isNumber ? Number(first) - Number(second) : first.localeCompare(second);
}

/* Rows without a value are last in both directions. */
function sortBy(heading) {
  const ascending = heading.getAttribute("aria-sort") !== "ascending";
  const body = heading.closest("table").tBodies[0];
  const column = heading.cellIndex;
  const isNumber = heading.classList.contains("number");
  const rows = [...body.rows].sort((one, other) => {
    const [first, second] = [cellValue(one, column), cellValue(other, column)];
    if (first === "" || second === "") return (first === "") - (second === "");
    return compare(first, second, isNumber) * (ascending ? 1 : -1);
  });
  for (const each of heading.parentElement.querySelectorAll("[aria-sort]")) {
    each.setAttribute("aria-sort", "none");
  }
  heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
  body.append(...rows);
}

/* Browsers that keep the clipboard from pages of files may still copy a selection. */
function copySelection(text) {
  const area = document.createElement("textarea");
  area.value = text;
  area.style.position = "fixed";
  document.body.append(area);
  area.select();
  const isCopied = document.execCommand("copy");
  area.remove();
  return isCopied;
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copySelection(text);
  }
}

async function copyCommand(button) {
  const isCopied = await copy(button.dataset.command);
  const said = document.getElementById("copied");
  const command = document.createElement("code");
  command.textContent = button.dataset.command;
  said.replaceChildren(isCopied ? "Copied: " : "Copy this: ", command);
  button.textContent = isCopied ? "copied" : "see above";
  button.focus({ preventScroll: true });
  setTimeout(() => { button.textContent = "copy"; }, 2000);
}

for (const button of document.querySelectorAll("thead button")) {
  button.addEventListener("click", () => sortBy(button.closest("th")));
}
for (const button of document.querySelectorAll(".copy")) {
  button.addEventListener("click", () => copyCommand(button));
}
addEventListener("beforeprint", () => {
  for (const box of boxes.filter((each) => each.layout)) Plotly.relayout(box, { width: paperWidth });
});
addEventListener("afterprint", () => {
  for (const box of boxes.filter((each) => each.layout)) {
    Plotly.relayout(box, { width: null, autosize: true });
  }
});
drawAll();
