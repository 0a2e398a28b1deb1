// Words or tone: the share of each modality in a decision (exact Shapley values).

import { corpus, get, head } from "./corpus.js";
import { make, percent, signed, words } from "./dom.js";
import { announce } from "./state.js";

let marked = null;
let lastSwap = { address: null, answer: null };

export function mark(row) {
  marked = marked === row ? null : row;
  announce(["mark"]);
}

export function shares(own, measure) {
  const decision = own.shares?.[measure?.name];
  if (!decision) return null;
  const from = decision.label === null ? "the mean of the training split" : `the share of ${words(decision.label)} in the training split`;
  return make("section", { class: "shares" }, make("h3", {}, "Share of each modality (exact Shapley values)"), drawn(decision, from));
}

export function swap(row, own, measure) {
  const title = make("h3", {}, "Swap modalities with another utterance");
  if (corpus.table.is_static || !own.shares?.[measure?.name]) return null;
  if (marked === null) {
    return make("section", { class: "swap" }, title,
      make("button", { type: "button", name: "mark", onclick: () => mark(row) }, "Mark this utterance (m)"),
      make("p", { class: "soft" }, "Then open another one of the same set: the head predicts it again with the words, voice or face of the marked one."));
  }
  const name = corpus.table.ids[marked];
  const stop = make("button", { type: "button", name: "mark", onclick: () => mark(marked) }, "Unmark it");
  if (marked === row) return make("section", { class: "swap" }, title, make("p", {}, "This utterance is marked. Open another one of the same set."), stop);
  const place = make("div", {}, make("p", { class: "soft" }, "…"));
  const address = `data/swapped/${encodeURIComponent(head().name)}/${row}/${marked}.json`;
  if (lastSwap.address !== address) {
    const asked = { address, answer: get(address) };
    asked.answer.catch(() => { asked.address = null; }); // it is asked again next time
    lastSwap = asked;
  }
  lastSwap.answer.then(
    (decisions) => place.replaceChildren(drawn(decisions[measure.name], `all modalities of ${name}`)),
    (error) => place.replaceChildren(make("p", { class: "fault" }, error.message)),
  );
  return make("section", { class: "swap" }, make("h3", {}, `What this utterance's modalities change, starting from ${name}`), place, stop);
}

function drawn(decision, from) {
  const isShare = decision.label !== null;
  const number = (value) => (isShare ? `${percent(value)} %` : value.toFixed(2));
  const change_ = (value) => (isShare ? signed(value) : (value < 0 ? "−" : "+") + Math.abs(value).toFixed(2));
  const parts = Object.entries(decision.shares);
  const edges = [decision.base];
  for (const [, share] of parts) edges.push(edges.at(-1) + share);
  const [low, high] = isShare ? [Math.min(0, ...edges), Math.max(1, ...edges)] : [Math.min(...edges), Math.max(...edges)];
  const width = high - low || 1;
  const at = (value) => (value - low) / width;
  const bar = (start, end, kind) => {
    const made = make("span", { class: `part ${kind}` });
    made.style.left = `${100 * at(Math.min(start, end))}%`;
    made.style.width = `${Math.max(0.4, 100 * Math.abs(at(end) - at(start)))}%`;
    return make("td", { class: "track", "aria-hidden": "true" }, made);
  };
  const zero = isShare ? 0 : decision.base;
  return make("table", { class: "waterfall" }, make("tbody", {},
    make("tr", {}, make("th", { scope: "row" }, from), make("td", {}, number(decision.base)), bar(zero, decision.base, "whole")),
    parts.map(([name, share], place) => make("tr", { "data-modality": name }, make("th", { scope: "row" }, name), make("td", {}, change_(share)),
      bar(edges[place], edges[place + 1], share < 0 ? "minus" : "plus"))),
    make("tr", { class: "total" }, make("th", { scope: "row" }, isShare ? `probability of ${words(decision.label)}` : "predicted"),
      make("td", {}, number(decision.value)), bar(zero, decision.value, "whole"))));
}
