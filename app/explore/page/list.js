// The list of utterances: only the rows in view are in the page, so that ten thousand open at once.

import { confidence, corpus, error, isRight, measure, predicted, split, truth } from "./corpus.js";
import { make, words } from "./dom.js";
import { change, state } from "./state.js";

const ROW_PX = 34;
const AROUND = 8;
const list = document.getElementById("list");
const space = list.querySelector(".space");
const heading = list.querySelector(".heading");
let first = -1;

export function start(open) {
  list.addEventListener("scroll", () => draw());
  new ResizeObserver(() => draw(true)).observe(list);
  space.addEventListener("click", (event) => {
    const row = event.target.closest("[data-row]");
    if (row) open(Number(row.dataset.row));
  });
}

export function show() {
  const isNumber = measure()?.kind === "numbers";
  const names = ["id", "split", "speaker", "words", "label", "predicted", isNumber ? "error" : "confidence"];
  heading.replaceChildren(...names.map((name) => make("span", { role: "columnheader", class: name }, name)));
  list.setAttribute("aria-rowcount", corpus.rows.length + 1);
  space.style.height = `${corpus.rows.length * ROW_PX}px`;
  if (list.scrollTop > corpus.rows.length * ROW_PX) list.scrollTop = 0;
  draw(true);
}

function draw(anew = false) {
  const start = Math.max(0, Math.floor(list.scrollTop / ROW_PX) - AROUND);
  if (!anew && start === first) return;
  first = start;
  const end = Math.min(corpus.rows.length, start + Math.ceil(list.clientHeight / ROW_PX) + 2 * AROUND);
  space.replaceChildren(...corpus.rows.slice(start, end).map((row, place) => line(row, start + place)));
  list.setAttribute("aria-activedescendant", state.id ? `row-${corpus.rowOf.get(state.id)}` : "");
}

function line(row, place) {
  const { ids, texts, speakers } = corpus.table;
  const right = isRight(row);
  const cells = {
    id: ids[row], split: split(row), speaker: speakers[row] ?? "", words: texts[row] ?? "",
    label: value(truth(row)), predicted: value(predicted(row)), confidence: sure(row),
  };
  return make("div", {
    role: "row", id: `row-${row}`, "data-row": row, "aria-rowindex": place + 2,
    "aria-selected": ids[row] === state.id,
    class: right === null ? "" : right ? "right" : "wrong", style: { top: `${place * ROW_PX}px` },
  }, Object.entries(cells).map(([name, text]) => make("span", { role: "gridcell", class: name, title: name === "words" || name === "id" ? text : null }, text)));
}

export function value(it) {
  if (it === null || it === undefined) return "";
  return typeof it === "number" ? it.toFixed(2) : words(String(it));
}

function sure(row) {
  const [share, difference] = [confidence(row), error(row)];
  if (difference !== null) return (difference > 0 ? "+" : "−") + Math.abs(difference).toFixed(2);
  return share === null ? "" : share.toFixed(2);
}

// Select the row `step` away from the selected one, and bring it into view.
export function move(step) {
  const rows = corpus.rows;
  if (!rows.length) return null;
  const at = rows.indexOf(corpus.rowOf.get(state.id));
  const place = at < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, at + step));
  change({ id: corpus.table.ids[rows[place]] });
  reveal();
  return rows[place];
}

export function reveal() {
  const place = corpus.rows.indexOf(corpus.rowOf.get(state.id));
  if (place >= 0) scrollTo(place);
  draw(true);
}

function scrollTo(place) {
  const [top, room] = [place * ROW_PX, list.clientHeight - heading.offsetHeight];
  if (top < list.scrollTop) list.scrollTop = top;
  else if (top + ROW_PX > list.scrollTop + room) list.scrollTop = top + ROW_PX - room;
}
