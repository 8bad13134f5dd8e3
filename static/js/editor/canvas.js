// The real email in a frame where no script runs: clicks find blocks, blocks are dropped, text is
// typed in place. New output replaces the old inside the same document, so nothing flashes.
import { KINDS, title } from "./blocks.js";
import { imageIn } from "./images.js";
import { morph } from "./morph.js";
import { byId, data, t } from "./page.js";

const NEAR = 12; // px: so close to a block is on it

// Styles of the frame only; the email itself never holds them
const LOOK = `
  [class*="b-"]{cursor:default}
  .postino-over{outline:1px dashed #2f5bd8;outline-offset:-1px}
  .postino-on{outline:2px solid #2f5bd8!important;outline-offset:-2px}
  [data-var]{padding:1px 6px;border-radius:5px;background:#e8eefc;color:#2449b3;font-weight:500;white-space:nowrap;font-size:.92em}
  .ProseMirror>*{margin:0 0 12px}.ProseMirror>:last-child{margin-bottom:0}.ProseMirror li p{margin:0}
  .ProseMirror{outline:none;white-space:pre-wrap;overflow-wrap:break-word;cursor:text}
  .ProseMirror-selectednode{box-shadow:0 0 0 2px #2f5bd8}
  #postino-drop{position:absolute;height:4px;border-radius:2px;background:#2f5bd8;pointer-events:none;z-index:9}
  @media (prefers-color-scheme:dark){[data-var]{background:#1e2a4a;color:#a7beff}}`;

export class Canvas {
  #store;
  #frame = byId("canvas-frame");
  #latest = 0;
  #dragged = null;
  #waiting = null; // output that came while something was dragged
  #target = null;
  #last = null; // the page as it was parsed, before it was dressed; null: show all of it anew

  // `text`: edits rich text in place; `keys`: what keys do to blocks; `paste`, `copy`: clipboard
  constructor(store, { text, listeners }) {
    this.#store = store;
    this.text = text;
    this.listeners = listeners;
    this.sample = false;
    this.shape = "desktop";
    this.revision = data.revision;
    store.subscribe((what) => {
      if (what.selected) {
        this.#leaveText();
        this.#mark();
        if (what.origin !== "canvas") this.#reveal();
      }
      if (what.changed && what.origin === "history") this.#leaveText();
    });
  }

  get #document() {
    return this.#frame.contentDocument;
  }

  // The first showing is an ordinary navigation: it brings the frame its policy
  start() {
    return new Promise((resolve) => {
      this.#frame.addEventListener("load", () => {
        this.#wire(this.#document);
        this.#dress();
        resolve();
      }, { once: true });
      this.#frame.src = this.#address();
    });
  }

  #address(extra = "") {
    return `${data.urls.canvas}?r=${this.revision}${this.sample ? "&sample=1" : ""}${extra}`;
  }

  // How a save may bring the canvas along: "1", "sample", or nothing where it is not shown now
  get wanted() {
    if (this.shape === "text" || this.text.inPlace) return "";
    return this.sample ? "sample" : "1";
  }

  async refresh(revision = this.revision) {
    this.revision = revision;
    if (this.shape === "text") return this.#showText();
    if (this.text.inPlace) return undefined; // the caret stays; shown as soon as the typing ends
    const number = ++this.#latest;
    try {
      const response = await fetch(this.#address(), { credentials: "same-origin" });
      if (response.ok) this.#put(await response.text(), number);
    } catch {
      // what is shown stays
    }
    return undefined;
  }

  // Shows output that came with a save; asks for it where there is none, or the reader has switched
  // to another form since the save was sent
  display(revision, html, form) {
    if (html === undefined || form !== this.wanted || !form) return this.refresh(revision);
    this.revision = revision;
    return this.#put(html, ++this.#latest);
  }

  #put(html, number) {
    if (number !== this.#latest || this.text.inPlace) return;
    if (this.#dragged) { // nothing moves below the hand
      this.#waiting = [html, number];
      return;
    }
    const frame = this.#frame.contentWindow;
    // A parser of the frame's own window: what it makes is under the frame's policy, not the page's
    const fresh = new frame.DOMParser().parseFromString(html, "text/html");
    const same = this.#last?.head.isEqualNode(fresh.head) && this.#last.body.cloneNode(false).isEqualNode(fresh.body.cloneNode(false));
    if (same) {
      this.#dress(morph(this.#document.body, this.#last.body, fresh.body));
    } else {
      const { scrollX, scrollY } = frame;
      this.#document.documentElement.replaceWith(this.#document.importNode(fresh.documentElement, true));
      this.#dress();
      frame.scrollTo(scrollX, scrollY);
    }
    this.#last = fresh;
    document.dispatchEvent(new CustomEvent("canvas-shown", { detail: this.revision }));
  }

  async #showText() {
    const response = await fetch(this.#address("&as=text"), { credentials: "same-origin" });
    byId("canvas-text").textContent = await response.text();
  }

  async show(shape) {
    this.shape = shape;
    byId("canvas").dataset.shape = shape;
    this.#frame.hidden = shape === "text";
    byId("canvas-text").hidden = shape !== "text";
    this.#leaveText(false);
    await this.refresh();
  }

  async showSample(on) {
    this.sample = on;
    this.#leaveText(false);
    await this.refresh();
  }

  // ——— what is where ———

  element(id) {
    return this.#document?.querySelector(`.b-${CSS.escape(id)}`) ?? null;
  }

  #blockAt(node) {
    const element = node?.nodeType === 1 ? node : node?.parentElement;
    for (let one = element; one; one = one.parentElement) {
      const id = this.#idOf(one);
      if (id) return id;
    }
    return null;
  }

  // Links lead nowhere here, and are no stops on the way through the page; `made`: only in these
  #dress(made = null) {
    const doc = this.#document;
    if (!doc?.head) return;
    if (!made) doc.head.append(Object.assign(doc.createElement("style"), { textContent: LOOK }));
    const all = (selector) => (made ?? [doc.body]).filter((one) => one.nodeType === 1)
      .flatMap((one) => [...(one.matches(selector) ? [one] : []), ...one.querySelectorAll(selector)]);
    for (const link of all("a, area")) link.tabIndex = -1;
    for (const chip of all("[data-var]")) {
      [chip.textContent, chip.title] = [chip.dataset.var.split("|")[0], chip.dataset.var];
    }
    for (const element of all('[class*="b-"]')) {
      if (this.#idOf(element)) element.draggable = true;
    }
    this.#mark();
  }

  #idOf(element) {
    const id = [...element.classList].find((name) => name.startsWith("b-"))?.slice(2);
    return id && this.#store.block(id) ? id : null;
  }

  #mark() {
    for (const old of this.#document?.querySelectorAll(".postino-on") ?? []) {
      old.classList.remove("postino-on");
    }
    const { kind, id } = this.#store.selection;
    if (kind === "block") this.element(id)?.classList.add("postino-on");
  }

  #reveal() {
    const { kind, id } = this.#store.selection;
    if (kind === "block") this.element(id)?.scrollIntoView({ block: "nearest" });
  }

  // ——— events of the frame's document; they outlive what is shown in it ———

  #wire(doc) {
    doc.addEventListener("click", (event) => {
      event.preventDefault();
      if (this.text.inPlace?.contains(event.target)) return;
      const id = this.#blockAt(event.target);
      const again = id && this.#store.selection.id === id;
      if (!again) this.#store.selectBlock(id ?? "", "canvas");
      else if (KINDS[this.#store.block(id).type].rich) this.editText(id, event);
    });
    doc.addEventListener("dblclick", (event) => {
      const id = this.#blockAt(event.target);
      if (id && !this.text.inPlace && KINDS[this.#store.block(id).type].rich) this.editText(id, event);
    });
    doc.addEventListener("mouseover", (event) => {
      for (const old of doc.querySelectorAll(".postino-over")) old.classList.remove("postino-over");
      const id = this.#blockAt(event.target);
      if (id) this.element(id).classList.add("postino-over");
    });
    doc.addEventListener("dragstart", (event) => {
      const id = this.#blockAt(event.target);
      if (!id || this.text.inPlace) return;
      event.dataTransfer.setData("text/plain", title(this.#store.block(id)));
      this.drag({ id });
    });
    doc.addEventListener("dragend", () => this.drag(null));
    doc.addEventListener("dragover", (event) => this.#over(event));
    doc.addEventListener("dragleave", (event) => { if (!event.relatedTarget) this.#line(null); });
    doc.addEventListener("drop", (event) => this.#drop(event));
    for (const [name, listener] of Object.entries(this.listeners)) doc.addEventListener(name, listener);
  }

  // ——— text in place ———

  editText(id, event = null) {
    const block = this.#store.block(id);
    const element = this.element(id);
    const holder = element?.querySelector("h1, h2, h3, h4") ?? element?.querySelector("div") ?? element;
    if (!block || !holder) return;
    element.draggable = false;
    this.#last = null; // the editor changes what is shown
    this.text.openInPlace(block, holder, event && { left: event.clientX, top: event.clientY });
  }

  #leaveText(refresh = true) {
    if (!this.text.inPlace) return;
    this.text.closeInPlace();
    if (refresh) this.refresh();
  }

  leaveText() {
    this.#leaveText();
  }

  // ——— dragging: {type} from the palette, {id} of a block, or null when it ends ———

  drag(what) {
    this.#dragged = what;
    if (what) return;
    this.#line(null);
    const waiting = this.#waiting;
    this.#waiting = null;
    if (waiting) this.#put(...waiting);
  }

  #over(event) {
    const outside = event.dataTransfer.types.includes("Files");
    if (!this.#dragged && !outside) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = this.#dragged?.id ? "move" : "copy";
    this.#target = this.#placeAt(event.clientX, event.clientY);
    this.#line(this.#target);
  }

  #drop(event) {
    const file = imageIn(event.dataTransfer);
    if (event.dataTransfer.types.includes("Files")) event.preventDefault(); // never opens it here
    if (!this.#dragged && !file) return this.#line(null);
    event.preventDefault();
    const dragged = this.#dragged ?? { file };
    this.drag(null);
    return this.onDrop(dragged, this.#target?.place ?? null);
  }

  onDrop() {}

  // The gap between blocks that is nearest: {place, rect, y}. Beside all blocks: the end.
  #placeAt(x, y) {
    let best = null;
    for (const { section, column, blocks } of this.#store.columns()) {
      blocks.forEach((block, index) => {
        const rect = this.element(block.id)?.getBoundingClientRect();
        if (!rect) return;
        const aside = x < rect.left ? rect.left - x : Math.max(0, x - rect.right);
        for (const [edge, at] of [[rect.top, index], [rect.bottom, index + 1]]) {
          const far = Math.abs(y - edge) + aside * 2;
          if (best === null || far < best.far) {
            best = { far, rect, y: edge, place: { section: section.id, column, index: at } };
          }
        }
      });
    }
    const over = this.#store.blocks().some(({ id }) => {
      const rect = this.element(id)?.getBoundingClientRect();
      return rect && y > rect.top - NEAR && y < rect.bottom + NEAR;
    });
    return over ? best : this.#end();
  }

  #end() {
    const place = this.#store.end();
    const column = this.#store.section(place?.section)?.blocks[place.column] ?? [];
    const above = column[place?.index - 1];
    const shown = above ?? this.#store.blocks()[0];
    const rect = shown && this.element(shown.id)?.getBoundingClientRect();
    return { place, rect, y: rect && (above ? rect.bottom : rect.top) };
  }

  #line(target) {
    const doc = this.#document;
    doc?.getElementById("postino-drop")?.remove();
    if (!target?.rect) return;
    const line = Object.assign(doc.createElement("div"), { id: "postino-drop" });
    const { scrollX, scrollY } = this.#frame.contentWindow;
    line.style.cssText = `left:${target.rect.left + scrollX}px;width:${target.rect.width}px;top:${target.y + scrollY - 2}px`;
    doc.body.append(line);
  }
}

// Desktop, phone, plain text; sample data on or off
export function switches(canvas) {
  for (const button of document.querySelectorAll("[data-shape-of]")) {
    button.addEventListener("click", () => {
      for (const one of document.querySelectorAll("[data-shape-of]")) {
        one.setAttribute("aria-pressed", String(one === button));
      }
      canvas.show(button.dataset.shapeOf);
    });
  }
  const sample = byId("sample-on");
  sample.addEventListener("click", () => {
    const on = sample.getAttribute("aria-pressed") !== "true";
    sample.setAttribute("aria-pressed", String(on));
    canvas.showSample(on);
  });
}

export function sizeText(bytes) {
  return t("size", { size: (bytes / 1024).toFixed(1) });
}

