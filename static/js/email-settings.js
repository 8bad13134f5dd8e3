// The Settings page: variables put into a field where the caret stands, rows added to their table.
const dialog = document.getElementById("known-variables");
let field = null;

function put(text) {
  const at = field.selectionStart ?? field.value.length;
  field.setRangeText(text, at, field.selectionEnd ?? at, "end");
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.focus();
}

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-insert]");
  if (opener && dialog?.showModal) {
    field = document.getElementById(opener.dataset.insert);
    dialog.showModal();
  }
  const chosen = event.target.closest("[data-variable]");
  if (chosen && field) {
    dialog.close();
    put(chosen.dataset.variable);
  }
});

// "Add a variable" without a trip to the server: a copy of the last, empty row
const table = document.querySelector("table.variables tbody");
const count = document.getElementById("variables-count");
document.getElementById("more-variables")?.addEventListener("click", (event) => {
  event.preventDefault();
  const at = Number(count.value);
  const row = table.lastElementChild.cloneNode(true);
  for (const one of row.querySelectorAll("[name]")) {
    one.name = one.name.replace(/^var-\d+/, `var-${at}`);
    one.id = one.id.replace(/^var-\d+/, `var-${at}`);
    if (one.type === "checkbox") one.checked = one.name.endsWith("-required");
    else if (one.tagName !== "SELECT") one.value = "";
  }
  for (const label of row.querySelectorAll("label")) label.htmlFor = label.htmlFor.replace(/^var-\d+/, `var-${at}`);
  for (const error of row.querySelectorAll(".error")) error.remove();
  table.append(row);
  count.value = String(at + 1);
  row.querySelector("input").focus();
});
