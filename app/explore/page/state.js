// What is looked at: it is kept in the address, so that a page can be shared and gone back to.

export const FILTERS = ["search", "split", "speaker", "truth", "predicted", "outcome", "missing", "from", "to"];
const KEYS = ["view", "head", "measure", "id", "order", ...FILTERS];

export const state = {};
const listeners = [];

export function listen(listener) {
  listeners.push(listener);
}

export function read() {
  const parameters = new URLSearchParams(location.hash.slice(1));
  for (const key of KEYS) state[key] = parameters.get(key) ?? "";
}

// `push` makes a step that the browser's back button undoes.
export function change(changes, push = false) {
  Object.assign(state, changes);
  const parameters = new URLSearchParams(KEYS.filter((key) => state[key]).map((key) => [key, state[key]]));
  try {
    history[push ? "pushState" : "replaceState"](null, "", `#${parameters}`);
  } catch {
    // Some browsers refuse many changes in a short time: the address then lags behind.
  }
  announce(Object.keys(changes));
}

export function announce(changed) {
  for (const listener of listeners) listener(new Set(changed));
}
