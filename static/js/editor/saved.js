// Saved blocks: kept under a name, put into any email as a copy.
import { byId, csrf, data, h, icon, say, t } from "./page.js";

export class Saved {
  #store;
  #kept = [];
  #section = null;
  #whole = false;

  constructor(store, { added }) {
    this.#store = store;
    this.added = added;
    byId("keep-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#keep();
    });
  }

  async load() {
    try {
      const response = await fetch(data.urls.saved, { credentials: "same-origin" });
      this.#kept = response.ok ? (await response.json()).blocks : [];
    } catch {
      this.#kept = [];
    }
    this.#draw();
  }

  #draw() {
    byId("saved-none").hidden = this.#kept.length > 0;
    byId("saved").replaceChildren(...this.#kept.map((one) => h("li", {}, h("button", {
      type: "button", onclick: () => this.#put(one),
    }, icon(one.whole ? "section" : "duplicate"), h("span", {}, one.name)))));
  }

  #put(one) {
    if (one.whole) {
      this.#store.insertSection(one.section);
      say(t("said.savedPut", { name: one.name }));
    } else this.added(this.#store.insert(one.section.blocks.flat()));
  }

  // Ask for a name, and keep a block or a whole section under it
  ask({ block = null, section = null }) {
    this.#whole = section !== null;
    this.#section = section ?? { id: "s", columns: [1], blocks: [[block]] };
    byId("keep-error").textContent = "";
    byId("keep-name").value = "";
    byId("keep").showModal();
  }

  async #keep() {
    const fault = byId("keep-error");
    try {
      const response = await fetch(data.urls.saved, {
        method: "POST", credentials: "same-origin",
        headers: { "Content-Type": "application/json", "X-CSRFToken": csrf() },
        body: JSON.stringify({ name: byId("keep-name").value, section: this.#section, whole: this.#whole }),
      });
      const answer = await response.json();
      if (response.ok) {
        byId("keep").close();
        say(t("said.kept", { name: answer.block.name }));
        await this.load();
        return;
      }
      fault.textContent = answer.errors[0].message;
    } catch {
      fault.textContent = t("images.unreachable");
    }
    byId("keep-name").focus();
  }
}
