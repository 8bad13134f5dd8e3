// Keeps the draft on the server: one save at a time, each naming the revision it is based on.
import { byId, csrf, data, say, t } from "./page.js";

const DEBOUNCE = 60;
const RETRY = [2000, 5000, 15000];

// "2 minutes ago", in the page's language
function ago(at) {
  const seconds = Math.min(0, (new Date(at) - Date.now()) / 1000);
  const [unit, size] = seconds > -60 ? ["second", 1] : seconds > -3600 ? ["minute", 60] : seconds > -86400 ? ["hour", 3600] : ["day", 86400];
  return new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "auto" }).format(Math.round(seconds / size), unit);
}

export class Autosave {
  #store;
  #timer = 0;
  #running = null;
  #dirty = false;
  #failures = 0;
  #asking = false;

  // `saved(answer, form)` is told each time the server has the draft; `refused(errors)` when it will
  // not; `wanted()`: the form in which the answer brings the canvas along
  constructor(store, { saved, refused, wanted }) {
    this.#store = store;
    this.wanted = wanted;
    this.saved = saved;
    this.refused = refused;
    this.revision = data.revision;
    store.subscribe(({ changed, soon }) => { if (changed) this.#changed(soon ? 0 : DEBOUNCE); });
    window.addEventListener("beforeunload", (event) => { if (this.#dirty || this.#running) event.preventDefault(); });
    byId("conflict-theirs").addEventListener("click", () => {
      this.#dirty = false;
      window.location.reload();
    });
    byId("conflict-mine").addEventListener("click", () => {
      byId("conflict").close();
      this.#asking = false;
      this.flush();
    });
    // Escape decides nothing, and the question stays
    byId("conflict").addEventListener("cancel", (event) => event.preventDefault());
  }

  #changed(wait) {
    this.#dirty = true;
    this.#show("saving");
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.flush(), wait);
  }

  // Save what is not saved yet. True: the server has everything.
  async flush() {
    clearTimeout(this.#timer);
    while (this.#dirty && !this.#asking) {
      this.#running ??= this.#save().finally(() => { this.#running = null; });
      if (!(await this.#running)) return false;
    }
    return !this.#dirty;
  }

  async #save() {
    this.#dirty = false;
    const draft = this.#store.draft;
    const form = this.wanted();
    let response;
    try {
      response = await fetch(`${data.urls.document}?canvas=${form}`, {
        method: "PUT",
        headers: { "Content-Type": "application/json", "X-CSRFToken": csrf() },
        body: JSON.stringify({ revision: this.revision, ...draft }),
        credentials: "same-origin",
      });
    } catch {
      return this.#failed("offline");
    }
    const json = response.headers.get("Content-Type")?.includes("json") && !response.redirected;
    const answer = json ? await response.json() : null;
    if (response.ok && answer) return this.#done(answer, form);
    if (response.status === 409 && answer) return this.#conflict(answer);
    if ([413, 422].includes(response.status) && answer) {
      this.#dirty = true;
      this.#show("refused");
      this.refused(answer.errors ?? []);
      return false;
    }
    return this.#failed(response.redirected || response.status === 403 ? "signedOut" : "offline");
  }

  #done(answer, form) {
    this.revision = answer.revision;
    this.#failures = 0;
    if (!this.#dirty) this.#show("saved");
    this.saved(answer, form);
    return true;
  }

  // Nothing is lost: it is tried again, and leaving the page asks first
  #failed(why) {
    this.#dirty = true;
    this.#show(why);
    const wait = RETRY[Math.min(this.#failures, RETRY.length - 1)];
    this.#failures += 1;
    this.#timer = setTimeout(() => this.flush(), wait);
    return false;
  }

  #conflict({ revision, by, at }) {
    this.#dirty = true;
    this.#asking = true;
    this.revision = revision;
    this.#show("conflict");
    byId("conflict-who").textContent = at ? t("conflict.who", { by, ago: ago(at) }) : t("conflict.somebody", { by });
    byId("conflict").showModal();
    return false;
  }

  #show(state) {
    const place = byId("save-state");
    if (place.dataset.state === state) return;
    place.dataset.state = state;
    place.textContent = t(`state.${state}`);
    if (state !== "saving" && state !== "saved") say(t(`state.${state}`));
  }
}
