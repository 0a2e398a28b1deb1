// One utterance: its clip, its words, what heads attend to and answer, and its dialogue.

import { corpus, get, head, isRight, measure, predicted, truth } from "./corpus.js";
import { answers } from "./answers.js";
import { attention } from "./attention.js";
import { choice, make, redraw, words } from "./dom.js";
import { value } from "./list.js";
import { Clip } from "./media.js";
import { shares, swap } from "./shares.js";
import { change, state } from "./state.js";
import { timeline } from "./timeline.js";

const panel = document.getElementById("detail");
// Rows that are passed quickly, with a key held down, are not asked for.
const PASSED_MS = 120;
const WAITING_MS = 150;
let shown = null;
let seed = "mean";
let clip = new Clip();
let latest = 0;
let lastAsked = 0;

export async function show(open) {
  latest += 1;
  const own = latest;
  panel.removeAttribute("aria-busy");
  const row = corpus.rowOf.get(state.id);
  if (shown?.id !== state.id) leave();
  if (row === undefined) {
    panel.replaceChildren(make("p", { class: "soft" }, "Click an utterance, or press j, then Enter."));
    return;
  }
  const waiting = setTimeout(() => { if (own === latest) panel.setAttribute("aria-busy", "true"); }, WAITING_MS);
  try {
    const details = shown ?? await asked(row, own);
    if (own !== latest) return; // something else was chosen meanwhile
    if (details !== shown) {
      shown = details;
      clip = new Clip(details);
    }
    draw(row, open);
  } catch (error) {
    if (own === latest) redraw(panel, top(row, open), make("p", { class: "fault", role: "alert" }, error.message));
  } finally {
    clearTimeout(waiting);
    if (own === latest) panel.removeAttribute("aria-busy");
  }
}

async function asked(row, own) {
  const isQuick = performance.now() - lastAsked < PASSED_MS;
  lastAsked = performance.now();
  if (isQuick) await new Promise((resolve) => { setTimeout(resolve, PASSED_MS); });
  return own === latest ? get(`data/utterances/${row}.json`) : null;
}

function leave() {
  clip.stop();
  clip = new Clip();
  shown = null;
}

export const play = () => clip.play();

function draw(row, open) {
  const own = shown.heads.find((each) => each.name === head()?.name) ?? { predicted: null };
  if (seed !== "mean" && Number(seed) >= (head()?.seeds.length ?? 0)) seed = "mean";
  const weights = attention(shown, own, seed, head()?.is_probe);
  const line = shown.duration_s
    ? timeline(shown.duration_s, shown.audio.peaks, weights.tracks, (at) => clip.seek(at)) : null;
  redraw(panel, ...[
    top(row, open),
    clip.element,
    chooser(own, () => show(open)),
    line?.element,
    weights.words,
    weights.note,
    own.reason ? make("p", { class: "fault" }, own.reason) : null,
    answers(shown, corpus.table),
    shares(own, measure()),
    swap(row, own, measure()),
    dialogue(row, open),
    about(shown),
  ].filter(Boolean));
  if (line) clip.follow(line);
}

function top(row, open) {
  const right = isRight(row);
  const verdict = right === null ? "" : right ? "right" : "wrong";
  const [said, true_] = [value(predicted(row)), value(truth(row))];
  return make("div", { class: "top" },
    make("button", { type: "button", class: "back", onclick: () => change({ view: "utterances", id: "" }, true) }, "← list"),
    make("h2", {}, corpus.table.ids[row]),
    make("p", { class: verdict },
      true_ ? make("span", {}, `label ${true_}`) : null,
      said ? make("span", {}, `${head().name} predicts ${said}`) : make("span", {}, "not predicted: it is not in a dev or test set"),
      verdict ? make("strong", {}, verdict) : null),
    make("div", { class: "step" },
      make("button", { type: "button", "aria-label": "previous utterance", onclick: () => open(-1, true) }, "k ↑"),
      make("button", { type: "button", "aria-label": "next utterance", onclick: () => open(1, true) }, "j ↓")));
}

function chooser(own, drawAgain) {
  const about = head();
  if (!own.predicted || !about) return null;
  const seeds = [["mean", "mean over seeds"], ...about.seeds.map((each, place) => [String(place), `seed ${each}`])];
  return make("div", { class: "chooser" },
    make("p", {}, `Attention of ${about.name} (${Object.values(about.inputs).join(" + ")})`),
    about.seeds.length > 1 ? choice("seed", seeds, seed, (picked) => { seed = picked; drawAgain(); }) : null);
}

function dialogue(row, open) {
  if (shown.dialogue.length < 2) return null;
  const { ids, texts, speakers } = corpus.table;
  const lines = shown.dialogue.map((turn) => make("li", { class: isRight(turn) === false ? "wrong" : "", "aria-current": turn === row },
    make("button", { type: "button", name: `turn-${turn}`, onclick: () => open(ids[turn]) },
      make("b", {}, speakers[turn] ?? ""), ` ${texts[turn] ?? ids[turn]} `,
      make("span", { class: "soft" }, [value(truth(turn)), value(predicted(turn))].filter(Boolean).join(" → ")))));
  return make("details", { open: true, class: "dialogue" }, make("summary", {}, "Dialogue (label → prediction)"), make("ol", {}, lines));
}

function about(details) {
  const labels = Object.entries(corpus.table.labels).map(([name, column]) => [name, column[corpus.rowOf.get(details.id)]]);
  const tracks = Object.entries(details.tracks).map(([name, track]) => [`track ${name}`, track.reason]);
  const facts = [...Object.entries(details.about), ...labels.filter(([, label]) => label !== null), ...tracks];
  return make("details", {}, make("summary", {}, "Labels, tracks and files"),
    make("dl", {}, facts.map(([name, fact]) => [make("dt", {}, words(name)), make("dd", {}, String(fact))]).flat()));
}
