// Variables: which are known, which are used, and the dialog that inserts one.
import { byId, data, h, t } from "./page.js";

const NAME = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;
const USED = /\{\{\s*([A-Za-z_][A-Za-z0-9_.]*)|data-var="([A-Za-z_][A-Za-z0-9_.]*)/g;

// "Order number" → custom.order_number; "contact.city" stays. Empty: not a name.
export function pathOf(typed, prefix = "custom") {
  if (typed.trim() === "unsubscribe_link") return "unsubscribe_link";
  const words = /\s/.test(typed.trim()) ? typed.trim().toLowerCase() : typed.trim();
  const parts = words.split(".").map((part) => part.replace(/[^A-Za-z0-9_]+/g, "_").replace(/^_+(?=.)|_+$/g, ""));
  if (!parts.every((part) => NAME.test(part))) return "";
  return parts.length === 1 ? `${prefix}.${parts[0]}` : parts.join(".");
}

export function valueAt(sample, path) {
  return path.split(".").reduce((value, name) => (value && typeof value === "object" ? value[name] : undefined), sample);
}

export function setAt(sample, path, value) {
  const names = path.split(".");
  const last = names.pop();
  let at = sample;
  for (const name of names) {
    if (typeof at[name] !== "object" || at[name] === null || Array.isArray(at[name])) at[name] = {};
    at = at[name];
  }
  at[last] = value;
}

function leaves(value, prefix) {
  if (!value || typeof value !== "object" || Array.isArray(value)) return [prefix];
  return Object.entries(value).flatMap(([name, one]) => leaves(one, prefix ? `${prefix}.${name}` : name));
}

export class Variables {
  #store;
  #fromServer = [];
  #answer = null;
  #scopes = [];

  constructor(store) {
    this.#store = store;
    this.dialog = byId("variable");
    this.typed = byId("variable-path");
    this.typed.addEventListener("input", () => this.#suggest());
    byId("variable-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#accept(this.typed.value);
    });
    this.dialog.addEventListener("close", () => {
      const answer = this.#answer;
      this.#answer = null;
      this.resolve?.(answer);
    });
  }

  async load() {
    try {
      const response = await fetch(data.urls.variables, { credentials: "same-origin" });
      const answer = response.ok ? await response.json() : {};
      const listed = Array.isArray(answer) ? answer : answer.variables ?? answer.paths ?? [];
      this.#fromServer = listed.map((one) => (typeof one === "string" ? one : one.path)).filter(Boolean);
    } catch {
      this.#fromServer = []; // what the draft uses is known anyway
    }
  }

  // Lists that blocks repeat over: [{path, as}]
  lists() {
    const found = new Map();
    for (const block of this.#store.blocks()) {
      if (block.type === "items" && block.props.path) found.set(block.props.path, "item");
      if (block.repeat?.path) found.set(block.repeat.path, block.repeat.as);
    }
    for (const path of leaves(this.#store.draft.sample, "")) {
      if (Array.isArray(valueAt(this.#store.draft.sample, path)) && !found.has(path)) found.set(path, "item");
    }
    return [...found].map(([path, as]) => ({ path, as }));
  }

  // Names of an entry of a list, as used or as sampled
  fieldsOf({ path, as }) {
    const rows = valueAt(this.#store.draft.sample, path);
    const names = new Set(Array.isArray(rows) ? rows.flatMap((row) => Object.keys(row ?? {})) : []);
    for (const block of this.#store.blocks()) {
      if ((block.type === "items" ? block.props.path : block.repeat?.path) !== path) continue;
      for (const used of this.#usedIn(block)) if (used.startsWith(`${as}.`)) names.add(used.slice(as.length + 1));
    }
    return [...names];
  }

  #usedIn(value) {
    const text = typeof value === "string" ? value : JSON.stringify(value).replaceAll('\\"', '"');
    return [...text.matchAll(USED)].map((match) => match[1] ?? match[2]);
  }

  // Single values the email uses: what sample data is asked for
  used() {
    const { document, subject, preview_text } = this.#store.draft;
    const named = new Set(this.#usedIn([document.sections, subject, preview_text]));
    for (const block of this.#store.blocks()) if (block.showIf?.path) named.add(block.showIf.path);
    for (const section of document.sections) if (section.showIf?.path) named.add(section.showIf.path);
    const lists = new Set(this.lists().map(({ path }) => path));
    return [...named].filter((path) => /^(contact|custom)\./.test(path) && !lists.has(path)).sort();
  }

  known(scopes = []) {
    const lists = new Set(this.lists().map(({ path }) => path));
    const plain = new Set(["contact.firstname", "contact.lastname", "contact.email", ...this.used(), ...this.#fromServer,
      ...leaves(this.#store.draft.sample, "").filter((path) => path.includes("."))]);
    const inner = scopes.flatMap((list) => this.fieldsOf(list).map((name) => `${list.as}.${name}`));
    return [...new Set([...inner, ...[...plain].filter((path) => !lists.has(path)).sort()])];
  }

  // Inside a block that repeats, an entry's own values come first
  scopesOf(block) {
    if (!block) return [];
    const scopes = block.type === "items" ? [{ path: block.props.path, as: "item" }] : [];
    if (block.repeat?.path) scopes.push(block.repeat);
    return scopes;
  }

  // Ask which variable; resolves to an expression such as contact.firstname|default("you"), or null
  ask(block = null) {
    this.#scopes = this.scopesOf(block);
    this.typed.value = byId("variable-fallback").value = byId("variable-sample").value = "";
    byId("variable-error").textContent = "";
    this.#suggest();
    this.dialog.showModal();
    this.typed.focus();
    return new Promise((resolve) => { this.resolve = resolve; });
  }

  #suggest() {
    const typed = this.typed.value.trim().toLowerCase();
    const known = this.known(this.#scopes);
    const found = known.filter((path) => path.toLowerCase().includes(typed.replace(/\s+/g, "_")));
    byId("variable-known").replaceChildren(...found.slice(0, 40).map((path) =>
      h("li", {}, h("button", { type: "button", class: "chip", onclick: () => this.#accept(path) }, path))));
    const path = pathOf(typed, this.#scopes[0]?.as);
    byId("variable-new").hidden = !typed || known.includes(path);
    byId("variable-new-path").textContent = path;
  }

  #accept(typed) {
    const path = pathOf(typed, this.#scopes[0]?.as);
    const error = byId("variable-error");
    if (!path) {
      error.textContent = t("variable.bad");
      this.typed.setAttribute("aria-invalid", "true");
      this.typed.focus();
      return;
    }
    this.typed.removeAttribute("aria-invalid");
    const sample = byId("variable-sample").value.trim();
    if (sample && !byId("variable-new").hidden) this.#keepSample(path, sample);
    const fallback = byId("variable-fallback").value.replace(/["\\{}]/g, "").trim();
    this.#answer = fallback ? `${path}|default("${fallback}")` : path;
    this.dialog.close();
  }

  #keepSample(path, value) {
    const scope = this.#scopes.find(({ as }) => path.startsWith(`${as}.`));
    this.#store.change((draft) => {
      if (!scope) return setAt(draft.sample, path, value);
      const rows = valueAt(draft.sample, scope.path);
      const list = Array.isArray(rows) && rows.length ? rows : [{}];
      for (const row of list) row[path.slice(scope.as.length + 1)] ??= value;
      return setAt(draft.sample, scope.path, list);
    }, { origin: "variables" });
  }

  // The <datalist>s that fields name
  offer() {
    const option = (path) => h("option", { value: path });
    byId("known-paths").replaceChildren(...this.known().map(option));
    byId("known-lists").replaceChildren(...this.lists().map(({ path }) => option(path)));
  }
}
