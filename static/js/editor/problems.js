// What is wrong with the draft: each problem with a Fix that goes to where it is.
import { byId, csrf, data, h, say, t } from "./page.js";

const LEVELS = ["block", "warn", "advice"];

// The field that a problem is about, or how its key begins, by the beginning of the code
const FIELDS = {
  SUBJECT: "subject", PREVIEW: "preview_text", FROM: "from_address", CONTRAST_TEXT: "settings.text",
  CONTRAST_LINKS: "settings.accent", LINK: "props.url", BUTTON: "props.label", IMAGE_ALT: "props.alt",
  IMAGE: "props.src", FROM_D: "from_address", PROMOTIONAL_LINKS: "", NO_FALLBACK: "", TABLE: "props.path", MISSING_TEMPLATE: "sample.", NO_SAMPLE: "sample.",
};

export function fieldOf(code) {
  const found = Object.keys(FIELDS).filter((start) => code.startsWith(start)).sort((a, b) => b.length - a.length);
  return FIELDS[found[0]] ?? "";
}

function levelOf(problem) {
  const level = { blocks: "block", error: "block", warning: "warn" }[problem.level] ?? problem.level;
  return LEVELS.includes(level) ? level : "warn";
}

const IDLE = 250; // ms after a save: while somebody types, nothing is checked that is changed again

export class Problems {
  #store;
  #shown = "";
  #timer = 0;
  #revision = 0;

  constructor(store, { fix }) {
    this.#store = store;
    this.fix = fix;
  }

  // The draft was saved: ask what is wrong with it, once the typing rests
  later(revision) {
    this.#revision = revision;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(revision), IDLE);
  }

  async #ask(revision) {
    try {
      const response = await fetch(data.urls.problems, { credentials: "same-origin" });
      const answer = response.ok ? await response.json() : null;
      if (answer && revision === this.#revision) this.show(answer.problems);
    } catch {
      // asked again with the next save
    }
  }

  show(problems) {
    const text = JSON.stringify(problems);
    if (text === this.#shown) return;
    this.#shown = text;
    const sorted = [...problems].sort((a, b) => LEVELS.indexOf(levelOf(a)) - LEVELS.indexOf(levelOf(b)));
    const stopping = sorted.filter((one) => levelOf(one) === "block").length;
    const summary = byId("problems-count");
    summary.className = `st ${stopping ? "bad" : sorted.length ? "warn" : "ok"}`;
    summary.textContent = sorted.length ? t("problems.count", { count: sorted.length }) : t("problems.none");
    byId("problems-stop").textContent = stopping ? t("problems.stop") : "";
    byId("problems-none").hidden = sorted.length > 0;
    const focused = document.activeElement?.closest("#problems-list") !== null;
    byId("problems-list").replaceChildren(...sorted.map((one) => this.#row(one)));
    if (focused) byId("problems").querySelector("summary").focus();
  }

  #row(problem) {
    const level = levelOf(problem);
    const block = this.#store.block(problem.block ?? "") ?? null;
    return h("li", {},
      h("span", { class: `st ${level === "block" ? "bad" : level === "warn" ? "warn" : "mute"}` }, t(`level.${level}`)),
      h("span", { class: "message" }, problem.message),
      h("button", { type: "button", class: "btn secondary small", "aria-label": t("problems.fixThis", { message: problem.message }), onclick: () => this.fix(problem, block) }, t("problems.fix")),
      level === "block" ? null : h("button", { type: "button", class: "btn quiet small", "aria-label": t("problems.passThis", { message: problem.message }), onclick: () => this.#askWhy(problem) }, t("problems.pass")));
  }

  // Let a warning pass: the reason is kept with the name of whoever gave it
  #askWhy(problem) {
    const [dialog, why, fault] = [byId("pass"), byId("pass-why"), byId("pass-error")];
    byId("pass-message").textContent = problem.message;
    why.value = fault.textContent = "";
    dialog.showModal();
    byId("pass-form").onsubmit = async (event) => {
      event.preventDefault();
      const body = new URLSearchParams({ code: problem.code, block: problem.block ?? "", why: why.value });
      try {
        const response = await fetch(data.urls.pass, {
          method: "POST", body, credentials: "same-origin", headers: { Accept: "application/json", "X-CSRFToken": csrf() },
        });
        const answer = await response.json();
        if (!response.ok) throw new Error(answer.errors[0].message);
        dialog.close();
        say(answer.said);
        this.later(this.#revision);
      } catch (error) {
        fault.textContent = error.message;
        why.focus();
      }
    };
  }

  // A document that the server will not keep: where and why
  refuse(errors) {
    const at = (pointer) => {
      let found = null;
      let value = this.#store.document;
      for (const name of pointer.replace(/^\/?(document\/)?/, "").split("/")) {
        value = value?.[name];
        if (value?.type && value?.id) found = value.id;
      }
      return found;
    };
    this.show(errors.map(({ pointer = "", message }) => ({ level: "block", message, block: at(pointer) })));
  }
}

