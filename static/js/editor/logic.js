// "Show only if" and "Repeat for each": logic is a setting of a block, never text.
import { choice, textField } from "./fields.js";
import { h, t } from "./page.js";
import { pathOf } from "./variables.js";

const TESTS = ["set", "unset", "eq", "ne", "gt", "lt"];

function valueOf(typed) {
  if (/^-?\d{1,15}(\.\d{1,6})?$/.test(typed)) return Number(typed);
  return typed === "true" || typed === "false" ? typed === "true" : typed;
}

export function logicFields(part, write, { repeat }) {
  const condition = part.showIf ?? { path: "", op: "set", value: null };
  const value = h("div", {}, textField(t("logic.value"), condition.value ?? "", (typed) => set({ value: valueOf(typed) }), { key: "showIf.value" }));
  const op = h("div", {}, choice(t("logic.op"), condition.op, TESTS.map((one) => [one, t(`op.${one}`)]), (name) => set({ op: name }), { key: "showIf.op" }));
  const show = () => {
    op.hidden = !condition.path;
    value.hidden = !condition.path || ["set", "unset"].includes(condition.op);
  };
  const set = (changes) => {
    Object.assign(condition, changes);
    if (["set", "unset"].includes(condition.op)) condition.value = null;
    else if (["gt", "lt"].includes(condition.op)) condition.value = Number(condition.value) || 0;
    else condition.value ??= "";
    show();
    write("showIf", (one) => { one.showIf = condition.path ? { ...condition } : null; });
  };
  show();
  const fields = [
    textField(t("logic.showIf"), condition.path, (typed) => set({ path: typed ? pathOf(typed) : "" }), { key: "showIf.path", list: "known-paths", placeholder: t("logic.always"), help: t("help.showIf") }),
    op, value,
  ];
  if (repeat) {
    fields.push(textField(t("logic.repeat"), part.repeat?.path ?? "", (typed) => {
      const path = typed ? pathOf(typed) : "";
      write("repeat", (one) => { one.repeat = path ? { path, as: one.repeat?.as ?? "item" } : null; });
    }, { key: "repeat.path", list: "known-lists", placeholder: t("logic.once"), help: t("help.repeat") }));
  }
  return [h("fieldset", { class: "logic" }, h("legend", {}, t("logic.title")), ...fields)];
}
