// The controls above the list.

import { applies, corpus, head, labels, measure } from "./corpus.js";
import { choice, make, words } from "./dom.js";
import { FILTERS, change, state } from "./state.js";

const form = document.getElementById("filters");
let drawnFor = null;

export function show() {
  const about = `${head()?.name} ${measure()?.name}`;
  if (drawnFor === about) return mark();
  drawnFor = about;
  const own = measure();
  const isClass = own?.kind === "classes";
  const isWide = matchMedia("(min-width: 40rem)").matches;
  form.replaceChildren(
    make("label", { class: "search" }, make("span", {}, "search"), make("input", {
      type: "search", id: "search", value: state.search, placeholder: "words, id, speaker",
      oninput: (event) => change({ search: event.target.value }),
    })),
    make("details", { open: isWide }, make("summary", {}, "filters"), make("div", {}, [
      isClass ? pick("outcome", ["wrong", "right", ["either", "right or wrong"]]) : null,
      pick("split", distinct([...corpus.table.splits, ...(head()?.splits ?? [])])),
      pick("speaker", distinct(corpus.table.speakers)),
      applies("truth") ? pick("truth", labels(), "label") : null,
      isClass ? pick("predicted", own.classes) : null,
      pick("missing", Object.keys(corpus.table.missing).filter((name) => corpus.missing[name].size), "missing track"),
      isClass ? bound("from", "confidence from") : null,
      isClass ? bound("to", "to") : null,
      own ? choice("order", orders(isClass), state.order, (order) => change({ order })) : null,
      make("button", { type: "button", id: "all", onclick: () => clear() }, "all utterances"),
    ])),
  );
  return undefined;
}

function orders(isClass) {
  const [most, least] = isClass ? ["most confident first", "least confident first"] : ["largest error first", "smallest error first"];
  return [["", "corpus"], ["most", most], ["least", least]];
}

export function clear() {
  change(Object.fromEntries(FILTERS.map((name) => [name, ""])));
}

// What was changed elsewhere, by a cell of the confusion matrix or a key.
function mark() {
  for (const control of form.querySelectorAll("[name], #search")) {
    const value = state[control.name || "search"];
    if (control.value !== value && document.activeElement !== control) control.value = value;
  }
}

function pick(name, values, label = name) {
  if (values.length < 1) return null;
  const options = [["", "all"], ...values.map((value) => (Array.isArray(value) ? value : [value, words(value)]))];
  const made = choice(label, options, state[name], (value) => change({ [name]: value }));
  made.querySelector("select").name = name;
  return made;
}

function bound(name, label) {
  return make("label", { class: "bound" }, make("span", {}, label), make("input", {
    type: "number", name, min: 0, max: 1, step: 0.05, value: state[name],
    oninput: (event) => change({ [name]: event.target.value }),
  }));
}

function distinct(values) {
  return [...new Set(values.filter((value) => value !== null && value !== undefined && value !== ""))].sort();
}
