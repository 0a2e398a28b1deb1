// How much each word, audio step and video frame counts in the pooling of a head.

import { make, percent } from "./dom.js";

export function attention(details, own, seed, isProbe) {
  const tracks = [];
  const notes = [];
  let text = null;
  for (const [modality, steps] of Object.entries(own.steps ?? {})) {
    const weights = ofSeed(steps.weights, seed);
    if (steps.words) {
      text = onWords(letters(details), steps, weights, seed);
      if (details.duration_s) tracks.push(spread(details, modality, steps, weights));
    } else tracks.push(timed(details, modality, steps, weights, notes));
  }
  if (own.predicted && isProbe) notes.push("A probe reads statistics over all steps, so it has no attention weights.");
  return { tracks, words: text ?? plain(details), note: notes.length ? make("p", { class: "soft" }, notes.join(" ")) : null };
}

function ofSeed(weights, seed) {
  if (seed !== "mean") return weights[Number(seed)] ?? weights[0];
  return weights[0].map((_, step) => weights.reduce((sum, own) => sum + own[step], 0) / weights.length);
}

// The numbers of letters are those of Python, for which an emoji is one.
function letters(details) {
  return Array.from(details.text);
}

function plain(details) {
  return details.text ? make("p", { class: "transcript" }, details.text) : null;
}

function onWords(all, steps, weights, seed) {
  const cut = (start, stop) => all.slice(start, stop).join("");
  const largest = Math.max(...weights, Number.MIN_VALUE);
  const marks = [];
  let end = 0;
  steps.words.forEach(([start, stop], place) => {
    marks.push(cut(end, start));
    const mark = make("mark", { title: `${percent(weights[place])} %`, "data-weight": weights[place].toFixed(4) }, cut(start, stop));
    mark.style.setProperty("--weight", weights[place] / largest);
    marks.push(mark);
    end = stop;
  });
  const order = weights.map((weight, place) => [weight, place]).sort((a, b) => b[0] - a[0]).slice(0, 3);
  const most = order.map(([weight, place]) => `${cut(...steps.words[place])} ${percent(weight)} %`);
  const elsewhere = ofSeed([steps.elsewhere], "0")[0] === undefined ? 0
    : seed === "mean" ? steps.elsewhere.reduce((sum, each) => sum + each, 0) / steps.elsewhere.length : steps.elsewhere[Number(seed)];
  return make("div", {},
    make("p", { class: "transcript" }, marks, cut(end)),
    make("p", { class: "soft most" }, `Most weight: ${most.join(", ")}`, elsewhere > 0.0005 ? `; outside these words (special tokens, earlier turns) ${percent(elsewhere)} %` : ""));
}

// Words have no times: on the time line they are spread by their letters.
function spread(details, modality, steps, weights) {
  const all = letters(details);
  const second = details.duration_s / Math.max(1, all.length);
  const edges = steps.words.map(([start]) => start * second);
  edges.push(details.duration_s);
  return {
    name: `${modality} (spread by characters)`, edges, weights,
    said: (step) => `“${all.slice(...steps.words[step]).join("")}”`,
  };
}

function timed(details, modality, steps, weights, notes) {
  const edges = weights.map((_, step) => steps.start_s + step * steps.step_s);
  edges.push(edges.at(-1) + steps.step_s);
  if (!steps.exact) notes.push(`The ${modality} steps have no times of their own: they are spread evenly.`);
  const digits = steps.step_s < 0.1 ? 2 : 1;
  return {
    name: modality, edges, weights,
    said: (step) => `${Math.max(0, edges[step]).toFixed(digits)} to ${edges[step + 1].toFixed(digits)} s`,
  };
}
