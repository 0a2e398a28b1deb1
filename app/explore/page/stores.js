// The health of the stores: what they cover, why tracks are missing, lengths, norms by layer.

import { get } from "./corpus.js";
import { counted, make, table } from "./dom.js";
import { FILTERS, change } from "./state.js";

const panel = document.getElementById("stores");
let loaded = null;

export async function show() {
  if (!loaded) {
    panel.replaceChildren(make("p", { class: "soft", role: "status" }, "Reading the stores …"));
    try {
      loaded = await get("data/stores.json");
    } catch (error) {
      panel.replaceChildren(make("p", { class: "fault", role: "alert" }, error.message));
      return;
    }
  }
  panel.replaceChildren(make("h2", {}, "Stores"), ...loaded.map(store),
    loaded.length ? null : make("p", {}, "No tracks of this corpus have been extracted; run 'dvc repro'."));
}

function store(own) {
  const share = own.num_utterances ? own.num_tracks / own.num_utterances : 0;
  const facts = [
    `${own.modality}, ${own.code}`, own.rate_hz ? `${Number(own.rate_hz.toFixed(2))} steps per second` : null,
    `width ${own.dim}`, own.dtype, `recipe ${own.recipe}`,
  ].filter(Boolean).join(" · ");
  const missing = Object.entries(own.reasons);
  const open = () => change({ ...Object.fromEntries(FILTERS.map((name) => [name, ""])), missing: own.name, view: "utterances", id: "" }, true);
  return make("section", { class: "store" },
    make("h3", {}, own.name), make("p", { class: "soft" }, facts),
    make("p", {}, make("meter", { min: 0, max: 1, value: share, "aria-label": "coverage" }), ` ${counted(own.num_tracks, "track")} of ${counted(own.num_utterances, "utterance")} `,
      missing.length ? make("button", { type: "button", onclick: open }, `missing: ${missing.map(([reason, count]) => `${count} ${reason}`).join(", ")}`) : null),
    own.lengths.counts ? lengths(own.lengths) : null,
    own.layers.length ? norms(own.layers) : null,
    Object.keys(own.facts).length ? make("p", { class: "soft" }, Object.entries(own.facts).map(([name, count]) => `${name.replaceAll("_", " ")}: ${count.toLocaleString("en")}`).join(" · ")) : null);
}

function lengths(own) {
  const most = Math.max(...own.counts);
  const said = `steps per track: ${own.least} to ${own.most}, median ${own.median}`;
  return make("figure", {}, make("div", { class: "histogram", role: "img", "aria-label": said },
    own.counts.map((count, place) => {
      const bar = make("span", { title: `${own.edges[place]} to ${own.edges[place + 1]} steps: ${count}` });
      bar.style.height = `${(100 * count) / most}%`;
      return bar;
    })), make("figcaption", {}, said));
}

function norms(layers) {
  const rows = layers.map(({ layer, quartiles }) => [String(layer), ...quartiles.map((value) => value.toFixed(2))]);
  return make("div", { class: "scroll" }, table(["layer", "step norm: lower quartile", "median", "upper quartile"], rows));
}
