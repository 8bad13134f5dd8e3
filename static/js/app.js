// What every page may use: copy buttons, dialogs, menus that close. Pages work without it.
document.documentElement.classList.add("js");

const live = document.getElementById("live");

function say(text) {
  if (!live) return;
  live.textContent = "";
  // A change of text is spoken only if the region was empty for a moment
  setTimeout(() => { live.textContent = text; }, 50);
}

async function put(text) {
  if (navigator.clipboard && window.isSecureContext) {
    await navigator.clipboard.writeText(text);
    return;
  }
  // Plain HTTP on another host than localhost: the old way
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "sr";
  (document.querySelector("dialog[open]") || document.body).append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("copy refused");
}

async function copy(button) {
  const from = button.dataset.copyFrom && document.getElementById(button.dataset.copyFrom);
  const text = from ? (from.value ?? from.textContent) : button.dataset.copy;
  try {
    await put(text);
  } catch {
    say(live?.dataset.notCopied ?? "");
    return;
  }
  const before = button.textContent;
  button.classList.add("done");
  button.textContent = live?.dataset.copied ?? before;
  say(live?.dataset.copied ?? "");
  button.focus();
  setTimeout(() => {
    button.classList.remove("done");
    button.textContent = before;
  }, 2000);
}

document.addEventListener("click", (event) => {
  const target = event.target.closest("[data-copy], [data-copy-from], [data-dialog], [data-close]");
  if (target?.matches("[data-copy], [data-copy-from]")) {
    if (!target.classList.contains("done")) copy(target);
  } else if (target?.matches("[data-dialog]")) {
    const dialog = document.getElementById(target.dataset.dialog);
    if (dialog?.showModal) {
      event.preventDefault();
      dialog.showModal();
    }
  } else if (target?.matches("[data-close]")) {
    event.preventDefault();
    target.closest("dialog")?.close();
  }
  for (const open of document.querySelectorAll("details.pop[open]")) {
    if (!open.contains(event.target)) open.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const open = event.target.closest?.("details.pop[open]");
  if (open) {
    open.open = false;
    open.querySelector("summary").focus();
  }
});

// A page that comes back with something to say first says it in a dialog
for (const dialog of document.querySelectorAll("dialog[data-show]")) {
  dialog.removeAttribute("open");
  dialog.showModal();
}

// A form marked data-keep warns before a page is left with unsaved typing; Ctrl+S saves it
const kept = document.querySelector("form[data-keep]");
if (kept) {
  let dirty = document.querySelector("[data-unsaved]") !== null;
  kept.addEventListener("input", () => { dirty = true; });
  kept.addEventListener("submit", () => { dirty = false; });
  window.addEventListener("beforeunload", (event) => { if (dirty) event.preventDefault(); });
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "s") {
      event.preventDefault();
      kept.requestSubmit();
    }
  });
}

// On a phone the tabs of a page may be wider than the screen: show the one that is open
document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
