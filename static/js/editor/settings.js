// The right pane: the fields of what is selected, be it a block, a section or the email.
import { COLUMNS, NETWORKS, kindName } from "./blocks.js";
import { emailFields } from "./email.js";
import { aligns, check, choice, colour, numberField, rows, segments, textField } from "./fields.js";
import { logicFields } from "./logic.js";
import { byId, data, h, icon, t } from "./page.js";

export class Settings {
  #store;
  #pane = byId("settings");

  // `acts`: duplicate, remove, copy, move, and editText of the selected block
  constructor(store, { text, variables, acts }) {
    this.#store = store;
    this.text = text;
    this.variables = variables;
    this.acts = acts;
    store.subscribe(({ selected, changed, origin }) => {
      if (selected || (changed && ["history", "rows"].includes(origin))) this.draw();
    });
  }

  // Anew, with the focus where it was
  draw(focus = document.activeElement?.closest("#settings") ? document.activeElement.closest("[data-field]")?.dataset.field : "") {
    this.text.closePanel();
    this.variables.offer();
    const { kind } = this.#store.selection;
    const block = this.#store.selectedBlock;
    if (block) this.#pane.replaceChildren(...this.#block(block));
    else if (kind === "email") this.#pane.replaceChildren(h("h2", {}, t("email.title")), ...emailFields(this.#store, this.variables, () => this.draw()));
    else this.#pane.replaceChildren(...this.#section());
    if (!focus) return;
    const field = this.#pane.querySelector(`[data-field="${CSS.escape(focus)}"]`);
    (field?.querySelector("[contenteditable]") ?? field)?.focus();
    if (field?.matches("textarea, input[type=text]")) field.setSelectionRange(field.value.length, field.value.length);
  }

  // Writes into the block that the field was drawn for, even if another was selected meanwhile
  #writer(id) {
    return (name, mutate, { origin = "settings", soon = false } = {}) => this.#store.change((draft) => {
      for (const section of draft.document.sections) {
        for (const block of section.blocks.flat()) if (block.id === id) mutate(block);
      }
    }, { key: `${id} ${name}`, origin, soon });
  }

  #block(block) {
    const write = this.#writer(block.id);
    const ask = () => this.variables.ask(this.#store.block(block.id));
    const to = (name) => (value) => write(name, (one) => { one.props[name] = value; });
    const act = (name, label, danger = "") => h("button", {
      type: "button", class: `tool${danger}`, "aria-label": label, title: label, "data-field": `act.${name}`,
      onclick: () => this.acts[name](block.id),
    }, icon(name));
    const head = h("div", { class: "pane-head" }, h("h2", {}, t("settings.of", { kind: kindName(block.type) })),
      h("div", { class: "tools" }, act("keep", t("act.keep")), act("copy", t("act.copy")), act("duplicate", t("act.duplicate")), act("remove", t("act.remove"), " danger")));
    return [head, ...this.#props(block, { write, ask, to }), ...logicFields(block, write, { repeat: block.type !== "items" })];
  }

  #props(block, { write, ask, to }) {
    const { type, props } = block;
    const text = (name, options = {}) => textField(t(`field.${name}`), props[name], to(name), { key: `props.${name}`, variables: ask, ...options });
    const url = (name = "url", options = {}) => text(name, { type: "url", placeholder: "https://", ...options });
    const counted = () => check(t("field.counted"), props.counted ?? true, to("counted"), { key: "props.counted", help: t("help.counted") });
    const align = () => aligns(props.align, to("align"), "props.align");
    switch (type) {
      case "heading": return [this.text.field(block, t("field.text")), this.#place(block),
        segments(t("field.level"), String(props.level), [["1", t("level.1")], ["2", t("level.2")]], (value) => to("level")(Number(value)), { key: "props.level" }), align(), counted()];
      case "text": return [this.text.field(block, t("field.text")), this.#place(block), align(), counted()];
      case "footer": return [this.text.field(block, t("field.text")), this.#place(block), counted()];
      case "button": return [text("label"), url(), align(), check(t("field.full"), props.full, to("full"), { key: "props.full" }), counted()];
      case "image": return [this.#picture(block), url("src"), text("alt", { help: t("help.alt") }),
        check(t("field.decorative"), props.decorative, to("decorative"), { key: "props.decorative", help: t("help.decorative") }),
        numberField(t("field.width"), props.width, to("width"), { key: "props.width", min: 16, max: 900 }), url("url", { help: t("help.imageUrl") }), counted()];
      case "logo": return [this.#picture(block), url("src"), text("alt", { help: t("help.alt") }),
        numberField(t("field.width"), props.width, to("width"), { key: "props.width", min: 16, max: 900 }), url("url", { help: t("help.imageUrl") }), counted()];
      case "divider": return [colour(t("field.color"), props.color, to("color"), { key: "props.color" })];
      case "spacer": return [numberField(t("field.height"), props.height, to("height"), { key: "props.height", min: 4, max: 200 })];
      case "code": return [text("value", { help: t("help.code") })];
      case "html": return [text("code", { area: "code", variables: null })];
      case "items": return [textField(t("field.list"), props.path, to("path"), { key: "props.path", list: "known-lists", help: t("help.list") }), this.#columns(block, write, ask)];
      case "summary": return [this.#pairs(block, write, ask)];
      case "social": return [this.#links(block, write, ask), counted()];
      default: return [];
    }
  }

  // The library's own images are shown under our address, others only if they are encrypted
  #picture({ id, props }) {
    const own = props.src.startsWith(`${data.image_base}/i/`) ? props.src.slice(data.image_base.length) : "";
    const shown = own || (props.src.startsWith("https://") && !props.src.includes("{{") ? props.src : "");
    return h("p", { class: "picture-field" },
      shown ? h("img", { src: shown, alt: "" }) : null,
      h("button", { type: "button", class: "btn secondary small", "data-field": "props.choose", onclick: () => this.acts.chooseImage(id) },
        icon("image"), props.src
          ? t("images.another") : t("images.choose")));
  }

  #place(block) {
    return h("p", { class: "in-place" }, h("button", { type: "button", class: "insert", "data-field": "in-place",
      onclick: () => this.acts.editText(block.id) }, icon("pen"), t("act.inPlace")));
  }

  // Adding, moving or taking away a row draws the pane anew, with the focus on the row
  #rowsOf(name, write) {
    return (mutate, focus) => {
      write(name, (one) => { mutate(one.props[name]); }, { origin: "own", soon: true });
      this.draw(focus);
    };
  }

  #cell(write, name, index, field) {
    return (value) => write(`${name} ${index} ${field}`, (one) => { one.props[name][index][field] = value; });
  }

  #columns(block, write, ask) {
    return rows(t("field.columns"), block.props.columns, (column, index) => [
      textField(t("field.title"), column.label, this.#cell(write, "columns", index, "label"), { key: `c.${index}.label` }),
      textField(t("field.shows"), column.value, this.#cell(write, "columns", index, "value"), { key: `c.${index}.value`, variables: ask }),
      aligns(column.align, this.#cell(write, "columns", index, "align"), `c.${index}.align`),
    ], { key: "columns", name: t("row.column"), max: 6, change: this.#rowsOf("columns", write), add: () => ({ label: "", value: "", align: "left" }) });
  }

  #pairs(block, write, ask) {
    return rows(t("field.rows"), block.props.rows, (row, index) => [
      textField(t("field.title"), row.label, this.#cell(write, "rows", index, "label"), { key: `r.${index}.label` }),
      textField(t("field.value"), row.value, this.#cell(write, "rows", index, "value"), { key: `r.${index}.value`, variables: ask }),
    ], { key: "rows", name: t("row.row"), max: 20, change: this.#rowsOf("rows", write), add: () => ({ label: "", value: "" }) });
  }

  #links(block, write, ask) {
    return rows(t("field.links"), block.props.links, (link, index) => [
      choice(t("field.network"), link.network, NETWORKS.map((one) => [one, one === "web" ? t("network.website") : one[0].toUpperCase() + one.slice(1)]), this.#cell(write, "links", index, "network"), { key: `l.${index}.network` }),
      textField(t("field.url"), link.url, this.#cell(write, "links", index, "url"), { key: `l.${index}.url`, type: "url", placeholder: "https://", variables: ask }),
    ], { key: "links", name: t("row.link"), max: 10, change: this.#rowsOf("links", write), add: () => ({ network: "web", url: "" }) });
  }

  #section() {
    const { kind, id, section: of } = this.#store.selection;
    const section = this.#store.section(kind === "section" ? id : of);
    const write = (name, mutate, { origin = "settings", soon = false } = {}) => this.#store.change((draft) => {
      mutate(draft.document.sections.find((one) => one.id === section.id));
    }, { key: `${section.id} ${name}`, origin, soon });
    const label = t("act.removeSection");
    return [
      h("div", { class: "pane-head" }, h("h2", {}, t("settings.of", { kind: t("kind.section") })),
        h("div", { class: "tools" }, h("button", { type: "button", class: "tool", "aria-label": t("act.keepSection"), title: t("act.keepSection"), onclick: () => this.acts.keepSection(section.id) }, icon("keep")),
          h("button", { type: "button", class: "tool danger", "aria-label": label, title: label, onclick: () => this.acts.removeSection(section.id) }, icon("remove")))),
      segments(t("field.layout"), section.columns.join(":"), COLUMNS.map((one) => [one.join(":"), t(`layout.${one.join(":")}`)]),
        (value) => { this.#store.setColumns(section.id, value.split(":").map(Number)); }, { key: "columns" }),
      colour(t("field.background"), section.background, (value) => {
        write("background", (one) => { one.background = value; });
        if (value === null) this.draw();
      }, { key: "background", clear: section.background ? t("act.noColour") : "" }),
      ...logicFields(section, write, { repeat: false }),
    ];
  }
}
