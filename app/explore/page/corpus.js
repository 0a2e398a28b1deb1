// The utterances of the corpus with what the chosen head predicted, and the filters over them.

import { FILTERS, state } from "./state.js";

export const corpus = { rows: [], table: null };

export async function load() {
  const table = await get("data/corpus.json");
  corpus.table = table;
  corpus.texts = table.ids.map((id, row) =>
    `${id} ${table.speakers[row] ?? ""} ${table.texts[row] ?? ""}`.toLowerCase());
  corpus.missing = Object.fromEntries(Object.entries(table.missing).map(([name, rows]) => [name, new Set(rows)]));
  corpus.rowOf = new Map(table.ids.map((id, row) => [id, row]));
}

export async function get(address) {
  const response = await fetch(address).catch(() => {
    throw new Error("the server does not answer; is 'python cli.py explore' still running?");
  });
  if (!response.ok) {
    const refusal = await response.json().catch(() => ({}));
    throw new Error(refusal.detail ?? `${address} cannot be read (${response.status})`);
  }
  return response.json();
}

export function head() {
  const heads = corpus.table.heads;
  return heads.find((each) => each.name === state.head) ?? heads[0];
}

export function measure() {
  const measures = head()?.measures ?? [];
  return measures.find((each) => each.name === state.measure) ?? measures[0];
}

export function split(row) {
  return head()?.splits[row] ?? corpus.table.splits[row] ?? "";
}

export function truth(row) {
  const own = measure();
  const name = own ? own.label : Object.keys(corpus.table.labels)[0];
  return name ? corpus.table.labels[name]?.[row] ?? null : null;
}

export function predicted(row) {
  const own = measure();
  const value = own?.predicted[row] ?? null;
  return value === null || own.kind === "numbers" ? value : own.classes[value];
}

export function confidence(row) {
  return measure()?.confidence?.[row] ?? null;
}

// Whether a class was predicted right; null where that cannot be said.
export function isRight(row) {
  if (measure()?.kind !== "classes") return null;
  const [said, true_] = [predicted(row), truth(row)];
  return said === null || true_ === null ? null : said === true_;
}

export function error(row) {
  const [said, true_] = [predicted(row), truth(row)];
  return measure()?.kind !== "numbers" || said === null || true_ === null ? null : said - true_;
}

// Whether a filter is about what the chosen head predicts: numbers have no classes to choose.
export function applies(name) {
  if (["outcome", "predicted", "from", "to"].includes(name)) return measure()?.kind === "classes";
  return name !== "truth" || labels().every((label) => typeof label === "string");
}

// What utterances are labelled with, each once.
export function labels() {
  const column = corpus.table.labels[measure()?.label ?? Object.keys(corpus.table.labels)[0]] ?? [];
  return [...new Set(column.filter((label) => label !== null))].sort();
}

export function filter() {
  const { ids, speakers } = corpus.table;
  const chosen = Object.fromEntries(FILTERS.map((name) => [name, state[name] && applies(name) ? state[name] : ""]));
  const search = state.search.toLowerCase();
  const [from, to] = [chosen.from, chosen.to].map((edge) => (edge === "" ? null : Number(edge)));
  const missing = state.missing && corpus.missing[state.missing];
  const rows = [];
  for (let row = 0; row < ids.length; row += 1) {
    if (search && !corpus.texts[row].includes(search)) continue;
    if (state.split && split(row) !== state.split) continue;
    if (state.speaker && speakers[row] !== state.speaker) continue;
    if (chosen.truth && String(truth(row)) !== chosen.truth) continue;
    if (chosen.predicted && String(predicted(row)) !== chosen.predicted) continue;
    if (chosen.outcome && !isOf(chosen.outcome, isRight(row))) continue;
    if (missing && !missing.has(row)) continue;
    if (from !== null && !(confidence(row) >= from)) continue;
    // The last bin has its upper edge in it.
    if (to !== null && !(confidence(row) < to || (to >= 1 && confidence(row) <= to))) continue;
    rows.push(row);
  }
  corpus.rows = ordered(rows);
}

function isOf(outcome, right) {
  return outcome === "either" ? right !== null : right === (outcome === "right");
}

// Utterances without a prediction come last.
function ordered(rows) {
  if (!state.order) return rows;
  const isNumber = measure()?.kind === "numbers";
  const key = (row) => (isNumber ? (error(row) === null ? null : Math.abs(error(row))) : confidence(row));
  const sign = state.order === "least" ? 1 : -1;
  const keys = new Map(rows.map((row) => [row, key(row)]));
  const scored = rows.filter((row) => keys.get(row) !== null);
  const rest = rows.filter((row) => keys.get(row) === null);
  return [...scored.sort((a, b) => sign * (keys.get(a) - keys.get(b)) || a - b), ...rest];
}
