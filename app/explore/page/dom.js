// Elements are made by name and text alone, so that what a corpus says is never read as HTML.

const SVG = "http://www.w3.org/2000/svg";

export function make(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

export function drawn(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") Object.assign(element.style, value);
    else if (name.startsWith("aria-") && value !== null) element.setAttribute(name, String(value));
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

export function choice(label, options, value, onchange) {
  const select = make("select", { name: label, onchange: (event) => onchange(event.target.value) },
    options.map(([key, text]) => make("option", { value: key, selected: key === value }, text)));
  return make("label", {}, make("span", {}, label), select);
}

const FOCUSABLE = "button, select, input, summary, [tabindex]";
const keyOf = (element) => [element.tagName, element.name, element.getAttribute("aria-label"), element.name ? "" : element.textContent].join(" ");

// Put other children into a panel. One that is there already stays (a clip goes on playing), the
// focus returns to the control that had it, and what was opened stays open.
export function redraw(panel, ...children) {
  const focused = document.activeElement;
  const key = panel.contains(focused) && focused !== panel ? keyOf(focused) : null;
  const opened = new Map([...panel.querySelectorAll("details")].map((each) => [keyOf(each.firstChild), each.open]));
  const kept = children.find((child) => child.parentNode === panel);
  for (const child of [...panel.childNodes]) if (child !== kept) child.remove();
  const place = kept ? children.indexOf(kept) : 0;
  if (kept) kept.before(...children.slice(0, place));
  if (kept) kept.after(...children.slice(place + 1));
  else panel.append(...children);
  for (const each of panel.querySelectorAll("details")) each.open = opened.get(keyOf(each.firstChild)) ?? each.open;
  const focusable = [...panel.querySelectorAll(FOCUSABLE)];
  if (key) (focusable.find((each) => keyOf(each) === key) ?? panel).focus({ preventScroll: true });
}

export function table(headings, rows, attributes = {}) {
  return make("table", attributes,
    make("thead", {}, make("tr", {}, headings.map((text) => make("th", { scope: "col" }, text)))),
    make("tbody", {}, rows.map((cells) => make("tr", {},
      cells.map((cell, place) => (place === 0 ? make("th", { scope: "row" }, cell) : make("td", {}, cell)))))));
}

export const words = (name) => name.replaceAll("_", " ");
export const percent = (share) => (100 * share).toFixed(1);
export const signed = (share) => (share < 0 ? "−" : "+") + percent(Math.abs(share));
export const counted = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
