// One utterance: its clip, its words, what heads attend to and answer, and its dialogue.

import { corpus, get, head, isRight, measure, predicted, truth } from "./corpus.js";
import { answers } from "./answers.js";
import { attention } from "./attention.js";
import { choice, make, words } from "./dom.js";
import { value } from "./list.js";
import { shares, swap } from "./shares.js";
import { change, state } from "./state.js";
import { timeline } from "./timeline.js";

const panel = document.getElementById("detail");
let shown = null;
let seed = "mean";
let clip = { element: null, player: null };
let latest = 0;

export async function show(open) {
  latest += 1;
  const own = latest;
  const row = corpus.rowOf.get(state.id);
  if (row === undefined) {
    shown = null;
    stop();
    panel.replaceChildren(make("p", { class: "soft" }, "Choose an utterance: click it, or press j and Enter."));
    return;
  }
  try {
    const details = shown?.id === state.id ? shown : await get(`data/utterances/${row}.json`);
    if (own !== latest) return; // something else was chosen meanwhile
    if (details !== shown) {
      stop();
      shown = details;
      clip = media(details);
    }
    draw(row, open);
  } catch (error) {
    if (own === latest) panel.replaceChildren(make("p", { class: "fault", role: "alert" }, `${state.id}: ${error.message}`));
  }
}

function stop() {
  clip.player?.pause();
  if (clip.url) URL.revokeObjectURL(clip.url);
  clip = { element: null, player: null };
}

export function play() {
  const { player } = clip;
  if (player?.paused) player.play().catch(() => {});
  else player?.pause();
}

function draw(row, open) {
  const own = shown.heads.find((each) => each.name === head()?.name) ?? { predicted: null };
  const weights = attention(shown, own, seed);
  const line = shown.duration_s
    ? timeline(shown.duration_s, shown.audio.peaks, weights.tracks, (at) => seek(at)) : null;
  panel.replaceChildren(...[
    top(row, open),
    clip.element,
    chooser(own, () => draw(row, open)),
    line?.element,
    weights.words,
    weights.note,
    answers(shown, corpus.table),
    shares(own, measure()),
    swap(row, own, measure()),
    dialogue(row, open),
    about(shown),
  ].filter(Boolean));
  if (clip.player && line) follow(line);
}

function top(row, open) {
  const right = isRight(row);
  const verdict = right === null ? "" : right ? "right" : "wrong";
  const [said, true_] = [value(predicted(row)), value(truth(row))];
  return make("div", { class: "top" },
    make("button", { type: "button", class: "back", onclick: () => change({ view: "utterances", id: "" }, true) }, "← list"),
    make("h2", {}, shown.id),
    make("p", { class: verdict },
      true_ ? make("span", {}, `label ${true_}`) : null,
      said ? make("span", {}, `${head().name} says ${said}`) : make("span", {}, "not predicted: it is not in a dev or test set"),
      verdict ? make("strong", {}, verdict) : null),
    make("div", { class: "step" },
      make("button", { type: "button", "aria-label": "previous utterance", onclick: () => open(-1, true) }, "k ↑"),
      make("button", { type: "button", "aria-label": "next utterance", onclick: () => open(1, true) }, "j ↓")));
}

function media({ audio, video }) {
  const reasons = [];
  const made = { element: null, player: null, url: null };
  const parts = [];
  if (video?.source) {
    made.player = make("video", { controls: true, preload: "metadata", src: stretch(video), "data-start": video.start_s ?? 0 });
    made.player.addEventListener("error", (event) => event.target.replaceWith(make("p", { class: "soft" }, "This browser cannot play the video.")));
    parts.push(made.player);
  } else if (video?.reason) reasons.push(`video: ${video.reason}`);
  if (audio.source) {
    const sound = make("audio", { controls: true, "data-start": 0, "aria-label": "audio as heads hear it" });
    made.player ??= sound;
    parts.push(sound);
    loaded(sound, audio.source, made);
  } else if (audio.reason) reasons.push(`audio: ${audio.reason}`);
  made.element = make("div", { class: "media" }, parts, reasons.map((reason) => make("p", { class: "soft" }, reason)));
  return made;
}

// Whole, so that one can go to any moment of it, also where a server sends no parts of files.
async function loaded(sound, source, made) {
  const response = await fetch(source);
  if (!response.ok) return;
  made.url = URL.createObjectURL(await response.blob());
  sound.src = made.url;
}

function stretch({ source, start_s: start, end_s: end }) {
  if (start === null && end === null) return source;
  return `${source}#t=${start ?? 0}${end === null ? "" : `,${end}`}`;
}

function seek(at) {
  const { player } = clip;
  if (player) player.currentTime = at + Number(player.dataset.start);
}

let followed = null;

function follow(line) {
  const { player } = clip;
  followed?.abort();
  followed = new AbortController();
  const { signal } = followed;
  const step = () => {
    if (signal.aborted) return;
    line.show(player.currentTime - Number(player.dataset.start));
    if (!player.paused) requestAnimationFrame(step);
  };
  for (const event of ["play", "seeked", "pause", "timeupdate"]) player.addEventListener(event, step, { signal });
  step();
}

function chooser(own, redraw) {
  const about = head();
  if (!own.predicted || !about) return null;
  const seeds = [["mean", "mean over seeds"], ...about.seeds.map((each, place) => [String(place), `seed ${each}`])];
  return make("div", { class: "chooser" },
    make("p", {}, `Attention of ${about.name} (${Object.values(about.inputs).join(" + ")})`),
    about.seeds.length > 1 ? choice("seed", seeds, seed, (picked) => { seed = picked; redraw(); }) : null);
}

function dialogue(row, open) {
  if (shown.dialogue.length < 2) return null;
  const { ids, texts, speakers } = corpus.table;
  const lines = shown.dialogue.map((turn) => make("li", { class: isRight(turn) === false ? "wrong" : "", "aria-current": turn === row },
    make("button", { type: "button", onclick: () => open(ids[turn]) },
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
