// The answers of all heads side by side.

import { measure } from "./corpus.js";
import { make, words } from "./dom.js";

export function answers(details, table) {
  const own = measure();
  if (!own) return null;
  const heads = details.heads.filter((head) => head.predicted?.[own.name]);
  const without = details.heads.filter((head) => !head.predicted).map((head) => head.name);
  if (!heads.length) return make("p", { class: "soft" }, "No head predicted this utterance: heads predict the dev and test sets of each fold.");
  const label = table.labels[own.label]?.[table.ids.indexOf(details.id)] ?? null;
  const body = own.kind === "numbers" ? numbers(heads, own) : classes(heads, own, label, table);
  return make("section", { class: "answers" }, make("h3", {}, `${words(own.name)}: all heads${hasSeeds(heads, own) ? " (mean over seeds, lowest and highest seed)" : ""}`),
    make("div", { class: "scroll" }, body),
    without.length ? make("p", { class: "soft" }, `Not predicted by ${without.join(", ")}.`) : null);
}

function hasSeeds(heads, own) {
  return heads.some((head) => head.predicted[own.name].length > 1);
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function classes(heads, own, label, table) {
  const names = own.classes;
  const known = (head) => table.heads.find((each) => each.name === head.name)?.measures.find((each) => each.name === own.name)?.classes ?? [];
  const rows = names.map((name) => make("tr", { class: name === label ? "truth" : "" },
    make("th", { scope: "row" }, words(name), name === label ? make("span", { class: "soft" }, " (label)") : null),
    heads.map((head) => cell(head.predicted[own.name], known(head).indexOf(name)))));
  return make("table", {},
    make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "class"), heads.map((head) => make("th", { scope: "col" }, head.name)))),
    make("tbody", {}, rows));
}

function cell(seeds, place) {
  if (place < 0) return make("td", {}, "");
  const shares = seeds.map((seed) => seed[place]);
  const share = mean(shares);
  const best = share === Math.max(...seeds[0].map((_, each) => mean(seeds.map((seed) => seed[each]))));
  const range = seeds.length > 1 ? `${Math.min(...shares).toFixed(2)} to ${Math.max(...shares).toFixed(2)}` : "";
  const made = make("td", { class: best ? "bar best" : "bar", title: range }, share.toFixed(2), make("small", {}, range));
  made.style.setProperty("--share", share);
  return made;
}

function numbers(heads, own) {
  const rows = heads.map((head) => {
    const values = head.predicted[own.name];
    const range = values.length > 1 ? `${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)}` : "";
    return make("tr", {}, make("th", { scope: "row" }, head.name), make("td", {}, mean(values).toFixed(2), make("small", {}, range)));
  });
  return make("table", {}, make("tbody", {}, rows));
}
