// The confusion matrix and the calibration of the chosen head; cells and bins open their utterances.

import { confidence, corpus, head, isRight, measure, predicted, split, truth } from "./corpus.js";
import { choice, counted, make, redraw, words } from "./dom.js";
import { FILTERS, change, state } from "./state.js";

const BINS = 10;
const panel = document.getElementById("confusion");

export function show() {
  const own = measure();
  if (own?.kind !== "classes") {
    panel.replaceChildren(make("p", {}, own ? "Numbers have no confusion matrix: sort the list by error instead." : "No head has been trained on this corpus."));
    return;
  }
  const splits = [...new Set(head().splits.filter(Boolean))].sort().reverse();
  const chosen = splits.includes(state.split) ? state.split : splits[0];
  const rows = corpus.table.ids.map((_, row) => row).filter((row) => split(row) === chosen && isRight(row) !== null);
  const open = (filters) => change({ ...Object.fromEntries(FILTERS.map((name) => [name, ""])), split: chosen, ...filters, view: "utterances", id: "" }, true);
  redraw(panel, ...[
    make("h2", {}, `${head().name}, ${words(own.name)}: ${counted(rows.length, "utterance")} of the ${chosen} set`),
    splits.length > 1 ? make("div", { class: "chooser" }, choice("split", splits.map((name) => [name, name]), chosen, (name) => change({ split: name }))) : null,
    make("p", { class: "soft" }, "The predicted class has the highest mean probability over seeds. Click a cell to list its utterances."),
    make("div", { class: "scroll" }, matrix(rows, own.classes, open)),
    make("h3", {}, "Calibration"),
    make("p", { class: "soft" }, "How often the head is right at each level of confidence (mean probabilities over seeds, without temperature scaling). Click a bin to list its utterances."),
    bins(rows, open),
  ].filter(Boolean));
}

function matrix(rows, classes, open) {
  const counts = new Map();
  for (const row of rows) {
    const key = `${truth(row)}\n${predicted(row)}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const line = (true_) => {
    const own = classes.map((guess) => counts.get(`${true_}\n${guess}`) ?? 0);
    const total = own.reduce((sum, count) => sum + count, 0);
    return make("tr", {}, make("th", { scope: "row" }, words(true_)), own.map((count, place) => {
      const share = total ? count / total : 0;
      const said = `${counted(count, "utterance")} labelled ${words(true_)}, predicted ${words(classes[place])}`;
      const cell = make("td", { class: classes[place] === true_ ? "diagonal" : "" },
        count ? make("button", { type: "button", "aria-label": said, "data-truth": true_, "data-predicted": classes[place],
          onclick: () => open({ truth: true_, predicted: classes[place] }) }, String(count), make("small", {}, `${Math.round(100 * share)} %`)) : "");
      cell.style.setProperty("--share", share);
      return cell;
    }), make("td", { class: "sum" }, String(total)));
  };
  const unseen = [...new Set(rows.map(truth))].filter((name) => !classes.includes(name));
  return make("table", { class: "matrix" },
    make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "label ↓  predicted →"), classes.map((name) => make("th", { scope: "col" }, words(name))), make("th", { scope: "col" }, "all"))),
    make("tbody", {}, [...classes, ...unseen].map(line)));
}

function bins(rows, open) {
  const made = Array.from({ length: BINS }, (_, place) => ({ from: place / BINS, to: (place + 1) / BINS, rows: [] }));
  for (const row of rows) made[Math.min(BINS - 1, Math.floor(confidence(row) * BINS))].rows.push(row);
  const filled = made.filter((bin) => bin.rows.length);
  const most = Math.max(...filled.map((bin) => bin.rows.length));
  return make("div", { class: "bins" }, filled.map((bin) => {
    const sure = bin.rows.reduce((sum, row) => sum + confidence(row), 0) / bin.rows.length;
    const right = bin.rows.filter((row) => isRight(row)).length / bin.rows.length;
    const label = `confidence ${bin.from.toFixed(1)} to ${bin.to.toFixed(1)}: ${counted(bin.rows.length, "utterance")}, ${Math.round(100 * right)} % right, mean confidence ${Math.round(100 * sure)} %`;
    const column = make("span", { class: "column" }, make("span", { class: "fill" }), make("span", { class: "sure" }));
    column.style.setProperty("--right", right);
    column.style.setProperty("--sure", sure);
    column.style.setProperty("--many", 0.25 + 0.75 * Math.sqrt(bin.rows.length / most));
    return make("button", { type: "button", class: "bin", "aria-label": label, title: label,
      onclick: () => open({ outcome: "either", from: String(bin.from), to: String(bin.to) }) },
    column, make("span", {}, `${bin.from.toFixed(1)}–${bin.to.toFixed(1)}`), make("small", {}, String(bin.rows.length)));
  }), make("p", { class: "soft" }, "Column: accuracy. Line: mean confidence. They meet where the head is calibrated. Wider columns have more utterances."));
}
