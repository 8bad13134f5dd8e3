// The command palette: Ctrl+K or the opener in the menu; a combobox over a list from the server.
const dialog = document.getElementById("jump-dialog");
const input = document.getElementById("palette-input");
const list = document.getElementById("palette-options");
const state = document.getElementById("palette-state");
const PAUSE = 120; // milliseconds after the last key before the server is asked

let timer = 0;
let asked = 0;
let chosen = -1;
let waiting = false; // what is listed is older than what was typed
let going = false; // Enter was pressed meanwhile: to the place of the answer that is chosen then
let moves = []; // arrows that were pressed meanwhile: they are steps in the answer

const options = () => [...list.querySelectorAll("[role=option]")];

function choose(index) {
  const all = options();
  chosen = all.length ? (index + all.length) % all.length : -1;
  all.forEach((one, place) => one.setAttribute("aria-selected", String(place === chosen)));
  if (chosen < 0) {
    input.removeAttribute("aria-activedescendant");
    return;
  }
  input.setAttribute("aria-activedescendant", all[chosen].id);
  all[chosen].scrollIntoView({ block: "nearest" });
}

function step(key) {
  choose({ ArrowDown: chosen + 1, ArrowUp: chosen - 1, Home: 0, End: -1 }[key]);
}

function tell(count) {
  const { none, one, many } = state.dataset;
  state.textContent = count === 0 ? none : count === 1 ? one : many.replace("#", String(count));
  input.setAttribute("aria-expanded", String(count > 0));
}

function go() {
  const target = options()[chosen];
  if (target) location.assign(target.href);
}

async function ask() {
  const turn = ++asked;
  clearTimeout(timer);
  timer = 0;
  waiting = true;
  const url = `${dialog.dataset.from}?q=${encodeURIComponent(input.value)}`;
  try {
    const answer = await fetch(url, { headers: { "HX-Request": "true" } });
    if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
    const text = await answer.text();
    if (turn !== asked) return; // a later question has been asked
    waiting = false;
    list.innerHTML = text;
    tell(options().length);
    choose(0);
    moves.forEach(step);
    moves = [];
    if (going && dialog.open) go();
  } catch {
    if (turn !== asked) return;
    [waiting, going, moves] = [false, false, []];
    list.replaceChildren();
    choose(-1);
    input.setAttribute("aria-expanded", "false");
    state.textContent = state.dataset.failed;
  }
}

function open() {
  if (dialog.open || document.querySelector("dialog[open]")) return;
  input.value = "";
  list.replaceChildren();
  state.textContent = "";
  [going, moves] = [false, []];
  dialog.showModal();
  input.focus();
  ask();
}

if (dialog) {
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k") {
      // The text editor has a use of its own for it
      if (event.target.closest?.("[contenteditable=true]")) return;
      event.preventDefault();
      if (dialog.open) dialog.close();
      else open();
    }
  });
  for (const opener of document.querySelectorAll("[data-palette]")) {
    opener.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      opener.closest("details")?.removeAttribute("open");
      open();
    });
  }
  input.addEventListener("input", () => {
    clearTimeout(timer);
    [waiting, going, moves] = [true, false, []];
    timer = setTimeout(ask, PAUSE);
  });
  input.addEventListener("keydown", (event) => {
    const steps = ["ArrowDown", "ArrowUp", ...(input.value ? [] : ["Home", "End"])];
    if (steps.includes(event.key)) {
      event.preventDefault();
      if (!waiting) return step(event.key);
      moves.push(event.key);
      if (timer) ask();
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (!waiting && chosen >= 0) return go();
      going = input.value.trim() !== "" || moves.length > 0;
      if (timer || !waiting) ask();
    }
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
}
