// The structure: every block as a row, to select, move and delete without a mouse.
import { gist, kindName, title } from "./blocks.js";
import { byId, h, icon, t } from "./page.js";

export class Structure {
  #store;
  #list = byId("structure");
  #dragged = "";

  constructor(store, { acts }) {
    this.#store = store;
    this.acts = acts;
    store.subscribe(() => this.draw());
    this.draw();
  }

  draw() {
    const active = document.activeElement;
    const focus = this.#list.contains(active) ? active.dataset.focus : "";
    const { sections } = this.#store.document;
    // One plain section is no news; more than one are told apart
    const told = sections.length > 1 || sections.some((one) => one.columns.length > 1 || one.showIf || one.background);
    this.#list.replaceChildren(...sections.flatMap((section, index) => this.#section(section, index, told)));
    byId("structure-empty").hidden = this.#store.blocks().length > 0 || told;
    if (focus) this.focus(focus);
  }

  focus(name) {
    this.#list.querySelector(`[data-focus="${CSS.escape(name)}"]`)?.focus();
  }

  #tool(what, label, focus, act) {
    return h("button", { type: "button", class: "tool", "data-focus": focus, "aria-label": label, title: label, onclick: act }, icon(what));
  }

  #section(section, index, told) {
    const { selection } = this.#store;
    const rows = section.blocks.flatMap((blocks, column) => [
      ...(section.columns.length > 1 || (told && !blocks.length) ? [this.#column(section, column, blocks.length)] : []),
      ...blocks.map((block) => this.#block(block, told)),
    ]);
    if (!told) return rows;
    const name = t("structure.section", { number: index + 1 });
    const on = selection.kind === "section" && selection.id === section.id;
    return [h("li", { class: "section", "data-on": String(on) },
      h("button", { type: "button", class: "name", "data-focus": section.id, "aria-current": on ? "true" : null, onclick: () => this.#store.select({ kind: "section", id: section.id }) },
        icon(section.columns.length > 1 ? "columns" : "section"), h("span", {}, name), this.#tags(section)),
      this.#tool("up", t("move.up", { name }), `${section.id}.up`, () => this.acts.moveSection(section.id, -1)),
      this.#tool("down", t("move.down", { name }), `${section.id}.down`, () => this.acts.moveSection(section.id, 1))), ...rows];
  }

  #column(section, column, filled) {
    const { selection } = this.#store;
    const on = selection.kind === "column" && selection.section === section.id && selection.column === column;
    return h("li", { class: "column", "data-on": String(on) }, h("button", {
      type: "button", class: "name", "data-focus": `${section.id}.${column}`, "aria-current": on ? "true" : null,
      onclick: () => this.#store.select({ kind: "column", section: section.id, column }),
    }, h("span", {}, section.columns.length === 1 ? t("structure.empty") : t(filled ? "structure.column" : "structure.columnEmpty", { number: column + 1 }))));
  }

  #tags(part) {
    return [
      part.showIf ? h("span", { class: "logic-tag" }, t("tag.if")) : null,
      part.repeat ? h("span", { class: "logic-tag" }, t("tag.repeat")) : null,
    ];
  }

  #block(block, inner) {
    const { selection } = this.#store;
    const on = selection.kind === "block" && selection.id === block.id;
    const name = title(block);
    const row = h("li", { class: inner ? "block inner" : "block", "data-on": String(on), "data-block": block.id },
      h("button", { type: "button", class: "name", draggable: "true", "data-focus": block.id, title: name, "aria-current": on ? "true" : null, onclick: () => this.#store.selectBlock(block.id) },
        icon(block.type), h("span", {}, gist(block) || kindName(block.type), h("span", { class: "sr" }, ` (${kindName(block.type)})`)), this.#tags(block)),
      this.#tool("up", t("move.up", { name }), `${block.id}.up`, () => this.acts.move(block.id, -1, `${block.id}.up`)),
      this.#tool("down", t("move.down", { name }), `${block.id}.down`, () => this.acts.move(block.id, 1, `${block.id}.down`)));
    row.addEventListener("dragstart", (event) => {
      this.#dragged = block.id;
      event.dataTransfer.setData("text/plain", name);
      this.acts.drag({ id: block.id });
    });
    row.addEventListener("dragend", () => {
      this.#dragged = "";
      this.acts.drag(null);
      this.draw();
    });
    row.addEventListener("dragover", (event) => {
      if (!this.#dragged) return;
      event.preventDefault();
      const { top, height } = row.getBoundingClientRect();
      for (const one of this.#list.querySelectorAll("[data-drop]")) delete one.dataset.drop;
      row.dataset.drop = event.clientY < top + height / 2 ? "before" : "after";
    });
    row.addEventListener("drop", (event) => {
      if (!this.#dragged) return;
      event.preventDefault();
      const { section, column, index } = this.#store.place(block.id);
      this.#store.moveTo(this.#dragged, { section: section.id, column, index: index + (row.dataset.drop === "after" ? 1 : 0) });
    });
    return row;
  }
}
