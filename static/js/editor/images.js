// The image library from within the editor: choose an image, or add one by a button, a drop, a paste.
import { byId, csrf, data, h, say, t } from "./page.js";

const TYPES = ["image/png", "image/jpeg", "image/gif", "image/webp"];
const WAIT = 250; // ms: typing into the search pauses for this long before it is asked

// The image among what was dropped or pasted; null if there is none
export function imageIn(transfer) {
  return [...(transfer?.files ?? [])].find((file) => TYPES.includes(file.type)) ?? null;
}

function kilobytes(octets) {
  return Math.ceil(octets / 1000).toLocaleString(document.documentElement.lang);
}

export class Images {
  #resolve = null;
  #answer = null;
  #timer = 0;
  #next = "";
  #added = null;

  constructor() {
    this.dialog = byId("images");
    byId("images-search").addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#list(), WAIT);
    });
    byId("images-more").addEventListener("click", () => this.#list(true));
    byId("images-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#upload();
    });
    byId("images-heavy-use").addEventListener("click", () => this.#choose(this.#added));
    byId("images-heavy-smaller").addEventListener("click", () => this.#smaller());
    this.dialog.addEventListener("close", () => {
      const answer = this.#answer;
      this.#answer = null;
      this.#resolve?.(answer);
      this.#resolve = null;
    });
    for (const name of ["dragover", "drop", "paste"]) {
      this.dialog.addEventListener(name, (event) => {
        const file = imageIn(event.dataTransfer ?? event.clipboardData);
        if (name === "paste" && !file) return;
        event.preventDefault();
        event.stopPropagation();
        if (file) this.#take(file);
      });
    }
  }

  // Ask for an image, with a file to add if one was dropped; resolves to it, or null
  ask(file = null) {
    this.#say("");
    byId("images-form").reset();
    byId("images-search").value = "";
    byId("images-heavy").hidden = true;
    this.dialog.showModal();
    this.#list();
    if (file) this.#take(file);
    return new Promise((resolve) => { this.#resolve = resolve; });
  }

  #take(file) {
    const held = new DataTransfer();
    held.items.add(file);
    byId("images-file").files = held.files;
    byId("images-add").open = true;
    byId("images-alt").focus();
  }

  #choose(image) {
    this.#answer = image;
    this.dialog.close();
  }

  #say(message) {
    byId("images-error").textContent = message;
  }

  async #list(more = false) {
    const asked = byId("images-search").value.trim();
    const address = `${data.urls.images}?q=${encodeURIComponent(asked)}&before=${more ? this.#next : ""}`;
    let answer;
    try {
      const response = await fetch(address, { credentials: "same-origin", headers: { Accept: "application/json" } });
      answer = await response.json();
    } catch {
      return this.#say(t("images.unreachable"));
    }
    if (asked !== byId("images-search").value.trim()) return undefined; // an older answer
    this.#next = answer.next;
    byId("images-more").hidden = !answer.next;
    const rows = answer.images.map((image) => this.#row(image));
    if (more) byId("images-list").append(...rows);
    else byId("images-list").replaceChildren(...rows);
    byId("images-none").hidden = byId("images-list").childElementCount > 0;
    byId("images-none").textContent = asked ? t("images.noneFound") : t("images.none");
    if (more) rows[0]?.querySelector("button").focus();
    return undefined;
  }

  #row(image) {
    const shown = h("img", { src: image.path, alt: "", loading: "lazy" });
    return h("li", {}, h("button", { type: "button", title: image.name, onclick: () => this.#choose(image) },
      h("span", { class: "thumb" }, shown), h("span", { class: "name" }, image.alt || image.name),
      h("span", { class: "muted" }, `${image.width} × ${image.height}`)));
  }

  async #post(address, body) {
    try {
      const response = await fetch(address, {
        method: "POST", body, credentials: "same-origin",
        headers: { Accept: "application/json", "X-CSRFToken": csrf() },
      });
      const answer = await response.json();
      if (response.ok) return answer.image;
      const [fault] = answer.errors;
      this.#say(fault.message);
      (fault.pointer === "alt" ? byId("images-alt") : byId("images-file")).focus();
    } catch {
      this.#say(t("images.unreachable"));
    }
    return null;
  }

  async #upload() {
    this.#say("");
    const image = await this.#post(data.urls.upload, new FormData(byId("images-form")));
    if (!image) return;
    if (!image.heavy) {
      this.#choose(image);
      return;
    }
    this.#added = image;
    byId("images-heavy").hidden = false;
    byId("images-heavy-text").textContent = t("images.heavy", { size: kilobytes(image.size) });
    byId("images-heavy-smaller").focus();
    say(t("images.heavy", { size: kilobytes(image.size) }));
  }

  async #smaller() {
    const image = await this.#post(data.urls.smaller.replace("/0/", `/${this.#added.id}/`), new FormData());
    if (image) this.#choose(image);
  }
}

// What an image block takes over from a chosen image: twice as many pixels as it is shown with
export function propsOf(image, { width }) {
  const shown = Math.min(width, Math.max(16, image.width));
  return { src: image.url, alt: image.alt, ...(shown < width ? { width: shown } : {}) };
}
