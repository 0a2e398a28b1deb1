// Along one time line: the waveform, and how much every step of each modality counts.

import { drawn, make } from "./dom.js";

const HEIGHT = 40;

// `tracks` are {name, edges, weights, said}: the starts of the steps and the end of the last one in
// seconds, their weights, and what a step is called.
export function timeline(duration, peaks, tracks, seek) {
  const readout = make("p", { class: "readout", role: "status" },
    "Point at a step, or focus a row and press ← or →.");
  const head = make("div", { class: "playhead" });
  const lines = [];
  if (peaks) lines.push(line("audio signal", [drawnPeaks(peaks)], duration));
  for (const track of tracks) lines.push(weightLine(track, duration, readout, seek));
  const rows = make("div", { class: "rows" }, lines.map(([label, row]) => [make("span", {}, label), row]).flat());
  rows.append(head);
  rows.addEventListener("click", (event) => {
    const row = event.target.closest("svg");
    if (row) seek(duration * share(event, row));
  });
  const show = (seconds) => { head.style.setProperty("--at", Math.min(1, seconds / duration)); };
  return { element: make("div", { class: "timeline" }, rows, axis(duration), readout), show };
}

function share(event, row) {
  const box = row.getBoundingClientRect();
  return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
}

function line(label, content, duration, attributes = {}) {
  const svg = drawn("svg", {
    viewBox: `0 0 ${duration} 1`, preserveAspectRatio: "none", height: HEIGHT,
    role: "img", "aria-label": label, ...attributes,
  }, content);
  return [label, svg];
}

function drawnPeaks(peaks) {
  const loudest = Math.max(0.01, ...peaks);
  const upper = peaks.map((peak, place) => `${place},${0.5 - peak / loudest / 2}`);
  const lower = peaks.map((peak, place) => `${place},${0.5 + peak / loudest / 2}`).reverse();
  const svg = drawn("svg", { viewBox: `0 0 ${peaks.length - 1 || 1} 1`, preserveAspectRatio: "none", width: "100%", height: "100%" },
    drawn("polygon", { class: "wave", points: [...upper, ...lower].join(" ") }));
  return svg;
}

function weightLine(track, duration, readout, seek) {
  const { edges, weights } = track;
  const largest = Math.max(...weights, Number.MIN_VALUE);
  const bars = weights.map((weight, step) => drawn("rect", {
    x: Math.max(0, edges[step]), width: Math.max(0, edges[step + 1] - Math.max(0, edges[step])),
    y: 1 - weight / largest, height: weight / largest,
  }));
  const first = weights.indexOf(Math.max(...weights));
  const [label, svg] = line(track.name, bars, duration, {
    role: "slider", tabindex: 0, class: "weights", "data-track": track.name, "aria-valuemin": 0,
    "aria-valuemax": weights.length - 1, "aria-valuenow": first,
    "aria-valuetext": `most: ${said(track, first)}`,
  });
  const point = (step) => {
    bars.forEach((bar, place) => bar.classList.toggle("pointed", place === step));
    svg.setAttribute("aria-valuenow", step);
    svg.setAttribute("aria-valuetext", said(track, step));
    readout.textContent = `${track.name}, ${said(track, step)}`;
  };
  svg.addEventListener("pointermove", (event) => {
    const seconds = duration * share(event, svg);
    const after = edges.findIndex((edge) => edge > seconds);
    point(Math.min(weights.length - 1, Math.max(0, (after < 0 ? edges.length - 1 : after) - 1)));
  });
  svg.addEventListener("focus", () => point(Number(svg.getAttribute("aria-valuenow"))));
  svg.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowDown: -1, ArrowUp: 1 }[event.key];
    if (!by && event.key !== "Home" && event.key !== "End" && event.key !== "Enter") return;
    event.preventDefault();
    event.stopPropagation();
    const now = Number(svg.getAttribute("aria-valuenow"));
    if (event.key === "Enter") return seek(edges[now]);
    const to = event.key === "Home" ? 0 : event.key === "End" ? weights.length - 1 : now + by;
    point(Math.min(weights.length - 1, Math.max(0, to)));
  });
  return [label, svg];
}

function said(track, step) {
  const weight = track.weights[step];
  const total = track.weights.reduce((sum, each) => sum + each, 0) || 1;
  const even = (weight / total) * track.weights.length;
  return `${track.said(step)}: weight ${weight.toFixed(4)} (${even.toFixed(1)} times the uniform weight)`;
}

function axis(duration) {
  const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800].find((each) => duration / each <= 10) ?? 3600;
  const ticks = [];
  for (let at = 0; at <= duration; at += step) {
    ticks.push(make("span", { style: { left: `${(100 * at) / duration}%` } }, `${Number(at.toFixed(1))} s`));
  }
  return make("div", { class: "axis", "aria-hidden": "true" }, ticks);
}
