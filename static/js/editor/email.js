// The settings of the whole email: subject, looks, and the sample data it is previewed with.
import { choice, colour, numberField, rows, textField } from "./fields.js";
import { data, h, t } from "./page.js";
import { setAt, valueAt } from "./variables.js";

const FONTS = [
  "Arial, Helvetica, sans-serif",
  "Verdana, Geneva, sans-serif",
  "Tahoma, Geneva, sans-serif",
  "'Trebuchet MS', Helvetica, sans-serif",
  "Georgia, 'Times New Roman', serif",
  "'Courier New', Courier, monospace",
];

// `redraw`: a variable that was inserted asks for a sample
export function emailFields(store, variables, redraw) {
  const { draft } = store;
  const ask = async () => {
    const expr = await variables.ask();
    if (expr) setTimeout(redraw);
    return expr;
  };
  const set = (name) => (value) => store.change((one) => { one[name] = value; }, { key: name, origin: "settings" });
  const look = (name) => (value) => store.change((one) => { one.document.settings[name] = value; }, { key: `settings ${name}`, origin: "settings" });
  const { settings } = draft.document;
  const fonts = FONTS.includes(settings.font) ? FONTS : [settings.font, ...FONTS];
  return [
    textField(t("email.subject"), draft.subject, set("subject"), { key: "subject", variables: ask }),
    textField(t("email.preview"), draft.preview_text, set("preview_text"), { key: "preview_text", variables: ask, help: t("help.preview") }),
    textField(t("email.fromName"), draft.from_name, set("from_name"), { key: "from_name" }),
    textField(t("email.fromAddress"), draft.from_address, set("from_address"), { key: "from_address", type: "email", late: true }),
    h("fieldset", { class: "logic" }, h("legend", {}, t("email.sample")), ...sampleFields(store, variables)),
    h("fieldset", { class: "logic" }, h("legend", {}, t("email.look")),
      h("div", { class: "colours" }, ["accent", "text", "surface", "background"].map((name) =>
        colour(t(`colour.${name}`), settings[name], look(name), { key: `settings.${name}` }))),
      choice(t("email.font"), settings.font, fonts.map((font) => [font, font.split(",")[0].replaceAll("'", "")]), look("font"), { key: "settings.font" }),
      numberField(t("email.width"), settings.width, look("width"), { key: "settings.width", min: 320, max: 900 }),
      numberField(t("email.radius"), settings.radius, look("radius"), { key: "settings.radius", min: 0, max: 24 }),
      choice(t("email.lang"), settings.lang, data.languages, look("lang"), { key: "settings.lang" })),
  ];
}

function typed(text, before) {
  return typeof before === "number" && text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
}

function shown(value) {
  return value === undefined || value === null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
}

function sampleFields(store, variables) {
  const paths = variables.used();
  const lists = variables.lists();
  const { sample } = store.draft;
  if (!paths.length && !lists.length) return [h("p", { class: "help" }, t("help.sample"))];
  const write = (name, mutate, origin = "settings") => store.change((one) => mutate(one.sample), { key: `sample ${name}`, origin });
  const single = paths.map((path) => textField(path, shown(valueAt(sample, path)),
    (text) => write(path, (one) => setAt(one, path, typed(text, valueAt(one, path)))), { key: `sample.${path}` }));
  return [...single, ...lists.map((list) => listFields(list, { sample, variables, write }))];
}

function listFields(list, { sample, variables, write }) {
  const { path } = list;
  const names = variables.fieldsOf(list);
  const filledOf = (one) => {
    const now = valueAt(one, path);
    return Array.isArray(now) && now.length ? now : [{}];
  };
  const change = (index, name) => (text) => write(`${path} ${index} ${name}`, (one) => {
    const filled = filledOf(one);
    filled[index] = { ...filled[index], [name]: typed(text, filled[index]?.[name]) };
    setAt(one, path, filled);
  });
  return rows(path, filledOf(sample), (entry, index) => names.map((name) =>
    textField(name, shown(entry?.[name]), change(index, name), { key: `sample.${path}.${index}.${name}` })), {
    key: `sample.${path}`, name: t("row.entry"), max: 20, add: () => ({}),
    change: (mutate) => write(`${path} rows`, (one) => {
      const filled = filledOf(one);
      mutate(filled);
      setAt(one, path, filled);
    }, "rows"),
  });
}
