// Puts the page together: views, choices, keys.

import * as confusion from "./confusion.js";
import { corpus, filter, head, load, measure } from "./corpus.js";
import * as detail from "./detail.js";
import { choice, counted, make, redraw as redrawn, words } from "./dom.js";
import * as filters from "./filters.js";
import * as list from "./list.js";
import { mark } from "./shares.js";
import { FILTERS, announce, change, listen, read, state } from "./state.js";
import * as stores from "./stores.js";

const VIEWS = { utterances: "Utterances", confusion: "Confusion", stores: "Stores" };
const at = (id) => document.getElementById(id);

// `step` is an id, or by how many rows to move on.
function open(step, byStep = false) {
  const wasOpen = document.body.classList.contains("open");
  if (byStep) list.move(step);
  else change({ view: "utterances", id: step }, true);
  document.body.classList.add("open");
  if (!wasOpen && !at("detail").contains(document.activeElement)) at("detail").focus({ preventScroll: true });
}

function redraw(changed) {
  const view = VIEWS[state.view] ? state.view : "utterances";
  const touches = (...names) => names.some((name) => changed.has(name));
  if (touches("head", "measure", "order", "all", ...FILTERS)) {
    filter();
    at("count").textContent = `${corpus.rows.length.toLocaleString("en")} of ${counted(corpus.table.ids.length, "utterance")}`;
    filters.show();
    list.show();
  } else if (changed.has("id")) list.reveal();
  for (const name of Object.keys(VIEWS)) {
    at(name).hidden = name !== view;
    at(`view-${name}`).setAttribute("aria-current", name === view);
  }
  at("detail").hidden = view !== "utterances";
  if (!state.id) document.body.classList.remove("open");
  if (touches("head", "measure", "all")) choices();
  if (view === "confusion" && !changed.has("mark")) confusion.show();
  if (view === "stores" && touches("view", "all")) stores.show();
  if (view === "utterances" && touches("id", "head", "measure", "view", "mark", "all")) detail.show(open);
}

function choices() {
  const heads = corpus.table.heads;
  redrawn(at("choices"), ...[
    heads.length ? choice("head", heads.map(({ name }) => [name, name]), head().name, (name) => change({ head: name, predicted: "", truth: "", outcome: "" })) : null,
    heads.length && head().measures.length > 1 ? choice("measure", head().measures.map(({ name }) => [name, words(name)]), measure().name,
      (name) => change({ measure: name, predicted: "", truth: "", outcome: "" })) : null,
  ].filter(Boolean));
}

const KEYS = {
  j: () => list.move(1), k: () => list.move(-1), " ": () => detail.play(),
  Enter: () => state.id && open(state.id), "/": () => at("search")?.focus(),
  w: () => change({ outcome: state.outcome === "wrong" ? "" : "wrong", view: "utterances" }),
  m: () => state.id && mark(corpus.rowOf.get(state.id)), Escape: () => back(),
  1: () => change({ view: "utterances" }, true), 2: () => change({ view: "confusion" }, true), 3: () => change({ view: "stores" }, true),
  "?": () => at("keys").showModal(),
};

function back() {
  if (state.view && state.view !== "utterances") change({ view: "utterances" }, true);
  document.body.classList.remove("open");
  at("list").focus();
}

function pressed(event) {
  if (at("keys").open || event.ctrlKey || event.metaKey || event.altKey) return;
  const inField = event.target.closest("input, select, textarea");
  if (inField && event.key !== "Escape") return;
  // Enter and Space do to a button or a player what they always do.
  if ((event.key === "Enter" || event.key === " ") && event.target.closest("button, summary, audio, video, a")) return;
  if (inField) event.target.blur();
  const action = KEYS[event.key];
  if (!action) return;
  event.preventDefault();
  action();
}

async function start() {
  read();
  try {
    await load();
  } catch (error) {
    at("notes").replaceChildren(make("p", { class: "fault", role: "alert" }, `The corpus cannot be read: ${error.message}`));
    return;
  }
  document.title = `${corpus.table.corpus} · explore`;
  at("corpus").textContent = corpus.table.corpus;
  at("views").replaceChildren(...Object.entries(VIEWS).map(([name, title]) =>
    make("button", { type: "button", id: `view-${name}`, onclick: () => change({ view: name }, true) }, title)));
  at("notes").replaceChildren(...corpus.table.unusable.map((line) => make("p", { class: "note" }, line)));
  at("help").addEventListener("click", () => at("keys").showModal());
  list.start((row) => open(corpus.table.ids[row]));
  listen(redraw);
  document.addEventListener("keydown", pressed);
  // The address after # holds the state of the page, so the link cannot go there.
  document.querySelector(".skip").addEventListener("click", (event) => { event.preventDefault(); back(); });
  window.addEventListener("popstate", () => { read(); announce(["all"]); });
  announce(["all"]);
  if (corpus.rowOf.has(state.id)) {
    document.body.classList.add("open");
    list.reveal();
  }
}

start();
