// What the page hands over, and how its parts are built and spoken: data, words, elements.

function read(id) {
  return JSON.parse(document.getElementById(id).textContent);
}

export const data = read("editor-data");
const words = read("editor-words");
const { icons } = document.querySelector(".editor").dataset;

// The token that forms carry. Signing in again, in another tab, changes the cookie's: that one counts
export function csrf() {
  const kept = document.cookie.split("; ").find((one) => one.startsWith("csrftoken="));
  return kept ? kept.slice("csrftoken=".length) : document.querySelector("[name=csrfmiddlewaretoken]").value;
}

// A phrase of the page's language, with {names} filled in. Counted phrases: key.one, key.other.
export function t(key, values = {}) {
  const counted = "count" in values ? `${key}.${values.count === 1 ? "one" : "other"}` : key;
  const phrase = words[counted] ?? words[key] ?? key;
  return phrase.replace(/\{(\w+)\}/g, (all, name) => (name in values ? String(values[name]) : all));
}

// An element: h("button", {class: "btn", onclick: act, "aria-label": "…"}, "text", child, …)
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked" || name === "disabled") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `${icons}#${name}`);
  svg.append(use);
  return svg;
}

let pause = 0;

// Say something to those who do not see the page. A region that was empty is always spoken.
export function say(text) {
  const region = document.getElementById("live");
  region.textContent = "";
  clearTimeout(pause);
  pause = setTimeout(() => { region.textContent = text; }, 50);
}

export function byId(id) {
  return document.getElementById(id);
}

// Text is being typed here: keys belong to it, not to the blocks
export function isTyping(target) {
  const element = target?.nodeType === 1 ? target : target?.parentElement;
  if (!element) return false;
  return element.isContentEditable || element.matches("textarea, select, input:not([type=checkbox], [type=radio], [type=color])");
}
