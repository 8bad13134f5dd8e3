// The fields of the settings: each writes one value into the draft as it is typed.
import { h, icon, t } from "./page.js";

let number = 0;

function wrap(label, input, extra = [], help = "") {
  const id = `f${++number}`;
  input.id = id;
  if (help) input.setAttribute("aria-describedby", `${id}-help`);
  return h("div", { class: "field" },
    h("div", { class: "field-head" }, h("label", { for: id }, label), ...extra),
    input,
    help ? h("div", { class: "help", id: `${id}-help` }, help) : null);
}

// `on(value)` for every keystroke, or `late`: when the field is left; `variables()` resolves to an expression to insert, or null
export function textField(label, value, on, { key, help = "", area = false, type = "text", list = null, variables = null, placeholder = null, late = false } = {}) {
  const input = h(area ? "textarea" : "input", {
    "data-field": key, type: area ? null : type, list, placeholder, spellcheck: type === "url" ? "false" : null,
    class: area === "code" ? "code" : null, autocomplete: "off",
  });
  input.value = value ?? "";
  input.addEventListener(late ? "change" : "input", () => on(input.value));
  const extra = variables ? [h("button", {
    type: "button", class: "insert", "aria-label": t("variable.into", { field: label }), title: t("tool.variable"),
    onclick: async () => {
      const { selectionStart, selectionEnd } = input;
      const expr = await variables();
      input.focus();
      if (!expr) return;
      input.setRangeText(`{{ ${expr} }}`, selectionStart, selectionEnd, "end");
      on(input.value);
    },
  }, icon("variable"), t("variable.insert"))] : [];
  return wrap(label, input, extra, help);
}

export function numberField(label, value, on, { key, min, max, help = "" }) {
  const input = h("input", { "data-field": key, type: "number", min, max, step: 1, inputmode: "numeric" });
  input.value = value ?? "";
  input.addEventListener("input", () => {
    const wanted = Number(input.value);
    if (input.value !== "" && Number.isInteger(wanted) && wanted >= min && wanted <= max) on(wanted);
  });
  return wrap(label, input, [], help);
}

export function choice(label, value, options, on, { key, help = "" } = {}) {
  const select = h("select", { "data-field": key }, options.map(([name, text]) => h("option", { value: name }, text)));
  select.value = String(value);
  select.addEventListener("change", () => on(select.value));
  return wrap(label, select, [], help);
}

export function check(label, value, on, { key, help = "" } = {}) {
  const id = `f${++number}`;
  const input = h("input", { type: "checkbox", id, "data-field": key, checked: value === true });
  input.addEventListener("change", () => on(input.checked));
  return h("div", { class: "check" }, input, h("div", {}, h("label", { for: id }, label), help ? h("span", { class: "help" }, help) : null));
}

export function colour(label, value, on, { key, clear = "" } = {}) {
  const input = h("input", { type: "color", "data-field": key });
  input.value = value ?? "#ffffff";
  input.addEventListener("input", () => on(input.value));
  const extra = clear ? [h("button", { type: "button", class: "insert", onclick: () => on(null) }, clear)] : [];
  return wrap(label, input, extra);
}

// One of a few, as buttons of a group: left, centre, right
export function segments(label, value, options, on, { key } = {}) {
  const group = h("div", { class: "segments", role: "group", "aria-label": label });
  for (const [name, text] of options) {
    group.append(h("button", {
      type: "button", "aria-pressed": String(name === value), "data-field": `${key}.${name}`,
      onclick: () => {
        for (const one of group.children) one.setAttribute("aria-pressed", String(one.dataset.field === `${key}.${name}`));
        on(name);
      },
    }, text));
  }
  return h("div", { class: "field" }, h("span", { class: "label", "aria-hidden": "true" }, label), group);
}

export function aligns(value, on, key) {
  return segments(t("field.align"), value, ["left", "center", "right"].map((one) => [one, t(`align.${one}`)]), on, { key });
}

// Rows that can be added, moved and taken away. `draw(row, index)` gives the fields of one.
export function rows(label, list, draw, { key, add, name, max, change }) {
  const drawn = list.map((row, index) => {
    const which = t("row.name", { name, number: index + 1 });
    const tool = (what, act, disabled) => h("button", {
      type: "button", class: "tool", "data-field": `${key}.${index}.${what}`, disabled,
      "aria-label": t(`row.${what}`, { which }), title: t(`row.${what}`, { which }), onclick: act,
    }, icon(what));
    return h("li", {},
      h("div", { class: "row-head" }, h("strong", {}, which),
        tool("up", () => change((rows) => rows.splice(index - 1, 0, rows.splice(index, 1)[0]), `${key}.${index - 1}.up`), index === 0),
        tool("down", () => change((rows) => rows.splice(index + 1, 0, rows.splice(index, 1)[0]), `${key}.${index + 1}.down`), index === list.length - 1),
        tool("remove", () => change((rows) => rows.splice(index, 1), `${key}.add`), list.length === 1)),
      draw(row, index));
  });
  return h("fieldset", { class: "rows-edit" }, h("legend", {}, label), h("ol", {}, drawn),
    h("button", { type: "button", class: "btn secondary small", "data-field": `${key}.add`, disabled: list.length >= max,
      onclick: () => change((rows) => rows.push(add()), `${key}.${list.length}.remove`) }, icon("plus"), t("row.add", { name })));
}
