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
  const select = make("select", { onchange: (event) => onchange(event.target.value) },
    options.map(([key, text]) => make("option", { value: key, selected: key === value }, text)));
  return make("label", {}, make("span", {}, label), select);
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
