// The block editor: makes its parts and ties them together.
import { Autosave } from "./autosave.js";
import { KINDS, kindName, title } from "./blocks.js";
import { Canvas, sizeText, switches } from "./canvas.js";
import { asText, fromText } from "./clipboard.js";
import { Images, imageIn, propsOf } from "./images.js";
import { byId, data, isTyping, say, t } from "./page.js";
import { palette } from "./palette.js";
import { Problems, fieldOf } from "./problems.js";
import { RichText } from "./richtext.js";
import { Saved } from "./saved.js";
import { Settings } from "./settings.js";
import { Store } from "./store.js";
import { Structure } from "./structure.js";
import { Variables } from "./variables.js";

const { document: saved, subject, preview_text, from_name, from_address, sample } = data;
const store = new Store({ document: saved, subject, preview_text, from_name, from_address, sample });
const variables = new Variables(store);
const text = new RichText(store, { variables, askLink });
const images = new Images();
const kept = new Saved(store, { added });

// ——— what can be done to a block, from wherever it is asked ———

const acts = {
  move(id, by, focus = id) {
    if (!store.move(id, by)) return say(t(by < 0 ? "said.first" : "said.last"));
    structure.focus(focus);
    return say(t("said.moved", { position: store.position(id), all: store.blocks().length }));
  },
  moveSection(id, by) {
    if (!store.moveSection(id, by)) return say(t(by < 0 ? "said.first" : "said.last"));
    const { sections } = store.document;
    return say(t("said.moved", { position: sections.findIndex((one) => one.id === id) + 1, all: sections.length }));
  },
  duplicate(id) {
    added(store.duplicate(id), "said.duplicated");
  },
  remove(id) {
    const what = title(store.block(id));
    store.remove(id);
    const next = store.selectedBlock;
    if (next) structure.focus(next.id);
    else byId("palette").querySelector("button").focus();
    toast(t("said.removed", { what }));
  },
  removeSection(id) {
    store.removeSection(id);
    byId("palette").querySelector("button").focus();
    toast(t("said.removedSection"));
  },
  async copy(id) {
    try {
      await navigator.clipboard.writeText(asText([store.block(id)]));
      say(t("said.copied", { what: title(store.block(id)) }));
    } catch {
      say(byId("live").dataset.notCopied);
    }
  },
  async chooseImage(id, file = null) {
    const image = await images.ask(file);
    if (!image || !store.block(id)) return false;
    store.change((draft) => {
      for (const section of draft.document.sections) {
        for (const block of section.blocks.flat()) {
          if (block.id !== id) continue;
          Object.assign(block.props, propsOf(image, block.props));
          if ("decorative" in block.props) block.props.decorative = image.decorative;
        }
      }
    }, { origin: "rows", soon: true });
    byId("settings").querySelector('[data-field="props.alt"]')?.focus();
    return true;
  },
  keep(id) {
    kept.ask({ block: store.block(id) });
  },
  keepSection(id) {
    kept.ask({ section: store.section(id) });
  },
  editText(id) {
    byId("canvas-frame").focus();
    canvas.editText(id);
  },
  drag(what) {
    canvas.drag(what);
  },
};

function added(id, phrase = "said.added") {
  const block = id && store.block(id);
  if (!block) return;
  structure.focus(id);
  say(t(phrase, { what: kindName(block.type), position: store.position(id), all: store.blocks().length }));
}

// ——— the toast: what was deleted can be had back for a while, and by Ctrl+Z for as long as one works ———

let toastTimer = 0;

function hideToast() {
  if (byId("toast").matches(":focus-within, :hover")) toastTimer = setTimeout(hideToast, 3000);
  else byId("toast").hidden = true;
}

function toast(message) {
  byId("toast-text").textContent = message;
  byId("toast").hidden = false;
  say(`${message}. ${t("said.undoHint")}`);
  clearTimeout(toastTimer);
  toastTimer = setTimeout(hideToast, 10_000);
}

byId("toast-undo").addEventListener("click", () => {
  byId("toast").hidden = true;
  travel("undo");
  structure.focus(store.selectedBlock?.id ?? "");
});

function travel(way) {
  if (!(way === "undo" ? store.mayUndo : store.mayRedo)) return say(t(`said.no_${way}`));
  store[way]();
  return say(t(`said.${way}`));
}

// ——— keys and the clipboard, in the page and in the canvas ———

function onKey(event) {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const ctrl = event.ctrlKey || event.metaKey;
  if (document.querySelector("dialog[open]")) return undefined;
  if (ctrl && (key === "z" || key === "y")) {
    event.preventDefault();
    return travel(key === "y" || event.shiftKey ? "redo" : "undo");
  }
  if (ctrl && key === "s") {
    event.preventDefault();
    return autosave.flush();
  }
  if (key === "Escape" && text.inPlace) {
    canvas.leaveText();
    byId("canvas-frame").blur();
    return structure.focus(store.selectedBlock?.id ?? "");
  }
  const block = store.selectedBlock;
  if (!block || isTyping(event.target)) return undefined;
  const act = ctrl && key === "d" ? () => acts.duplicate(block.id)
    : key === "Delete" && !ctrl ? () => acts.remove(block.id)
      : event.altKey && key === "ArrowUp" ? () => acts.move(block.id, -1)
        : event.altKey && key === "ArrowDown" ? () => acts.move(block.id, 1)
          : key === "F2" && KINDS[block.type].rich ? () => acts.editText(block.id) : null;
  if (!act) return undefined;
  event.preventDefault();
  return act();
}

function onCopy(event) {
  const block = store.selectedBlock;
  const selected = event.target.ownerDocument.getSelection();
  if (!block || isTyping(event.target) || (selected && !selected.isCollapsed)) return;
  event.preventDefault();
  event.clipboardData.setData("text/plain", asText([block]));
  say(t("said.copied", { what: title(block) }));
}

// An image from outside: into the image block that is selected, else into a new one
async function takeImage(file, place = null) {
  const selected = store.selectedBlock;
  const fits = !place && ["image", "logo"].includes(selected?.type);
  const id = fits ? selected.id : store.add("image", place ?? store.target());
  if (!(await acts.chooseImage(id, file)) && !fits) travel("undo");
}

function onPaste(event) {
  const image = isTyping(event.target) || document.querySelector("dialog[open]") ? null : imageIn(event.clipboardData);
  if (image) {
    event.preventDefault();
    takeImage(image);
    return;
  }
  const blocks = isTyping(event.target) ? [] : fromText(event.clipboardData.getData("text/plain"));
  if (!blocks.length) return;
  event.preventDefault();
  added(store.insert(blocks), "said.pasted");
}

const listeners = { keydown: onKey, copy: onCopy, paste: onPaste };
for (const [name, listener] of Object.entries(listeners)) document.addEventListener(name, listener);

// ——— links in rich text ———

function askLink(current) {
  const dialog = byId("link");
  const input = byId("link-url");
  const counted = byId("link-counted");
  input.value = current.url;
  counted.checked = current.counted;
  byId("link-none").hidden = current.within;
  byId("link-remove").hidden = !current.url;
  dialog.showModal();
  input.select();
  return new Promise((resolve) => {
    let answer = null;
    byId("link-form").onsubmit = (event) => {
      event.preventDefault();
      answer = { url: input.value.trim(), counted: counted.checked };
      dialog.close();
    };
    byId("link-remove").onclick = () => {
      answer = { url: "", counted: true };
      dialog.close();
    };
    dialog.addEventListener("close", () => resolve(answer), { once: true });
  });
}

byId("link-variable").addEventListener("click", async () => {
  const expr = await variables.ask(store.selectedBlock);
  if (expr) byId("link-url").setRangeText(`{{ ${expr} }}`);
  byId("link-url").focus();
});

// ——— together ———

const canvas = new Canvas(store, { text, listeners });
const settings = new Settings(store, { text, variables, acts });
const structure = new Structure(store, { acts });
const problems = new Problems(store, { fix });

function fix(problem, block) {
  store.selectBlock(block?.id ?? "");
  const pane = byId("settings");
  const key = fieldOf(problem.code ?? "");
  const field = key && pane.querySelector(`[data-field^="${key}"]`);
  (field || pane.querySelector("[contenteditable], input, textarea, select"))?.focus();
}

const autosave = new Autosave(store, {
  saved(answer, form) {
    byId("size").textContent = sizeText(answer.bytes);
    canvas.display(answer.revision, answer.canvas, form);
    problems.later(answer.revision);
  },
  refused: (errors) => problems.refuse(errors),
  wanted: () => canvas.wanted,
});

canvas.onDrop = (dragged, place) => {
  if (dragged.file) takeImage(dragged.file, place ?? store.end());
  else if (dragged.type) added(store.add(dragged.type, place ?? store.end()));
  else if (place && store.moveTo(dragged.id, place)) {
    store.selectBlock(dragged.id, "canvas");
    say(t("said.moved", { position: store.position(dragged.id), all: store.blocks().length }));
  }
};
text.onPanelFocus = () => canvas.leaveText();

palette(store, canvas, { added });
switches(canvas);
for (const way of ["undo", "redo"]) byId(way).addEventListener("click", () => travel(way));
byId("email-settings").addEventListener("click", () => store.select(null));
function reflect() {
  byId("undo").setAttribute("aria-disabled", String(!store.mayUndo));
  byId("redo").setAttribute("aria-disabled", String(!store.mayRedo));
  byId("email-settings").setAttribute("aria-pressed", String(store.selection.kind === "email"));
}
store.subscribe(reflect);

// Publishing and leaving for another tab take the last keystroke along
byId("publish-form")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (await autosave.flush()) event.target.submit();
  else byId("problems").open = true;
});
for (const link of document.querySelectorAll(".tabs a, .crumbs a")) {
  link.addEventListener("click", async (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    await autosave.flush();
    window.location.assign(link.href);
  });
}

reflect();
problems.show(data.problems ?? []);
if (data.bytes) byId("size").textContent = sizeText(data.bytes);
settings.draw("");
await Promise.all([variables.load(), kept.load()]);
variables.offer();
await canvas.start();
// From the page of checks: straight to what is to be fixed
const asked = new URLSearchParams(window.location.search);
if (asked.has("code")) fix({ code: asked.get("code") }, store.block(asked.get("block") ?? ""));
document.documentElement.dataset.editor = "ready";
