// The draft in this browser: the only place that changes it, remembers it, and says it changed.
import { KINDS, newBlock, newId, newSection } from "./blocks.js";

const DEPTH = 200;
const TOGETHER = 800; // ms: typing into one field within this time is undone in one step

const EMAIL = { kind: "email" };

export class Store {
  #past = [];
  #future = [];
  #last = { key: "", at: 0 };
  #listeners = new Set();

  // `draft`: {document, subject, preview_text, from_name, from_address, sample}
  constructor(draft) {
    this.draft = draft;
    this.selection = EMAIL;
  }

  subscribe(listener) {
    this.#listeners.add(listener);
  }

  #tell(what) {
    for (const listener of this.#listeners) listener(what);
  }

  // ——— reading ———

  get document() {
    return this.draft.document;
  }

  // Columns in reading order: [{section, column, blocks}]
  columns() {
    return this.document.sections.flatMap((section) =>
      section.blocks.map((blocks, column) => ({ section, column, blocks })));
  }

  blocks() {
    return this.columns().flatMap(({ blocks }) => blocks);
  }

  section(id) {
    return this.document.sections.find((section) => section.id === id) ?? null;
  }

  block(id) {
    return this.blocks().find((block) => block.id === id) ?? null;
  }

  // Where a block is: {section, column, blocks, index}
  place(id) {
    for (const where of this.columns()) {
      const index = where.blocks.findIndex((block) => block.id === id);
      if (index >= 0) return { ...where, index };
    }
    return null;
  }

  get selectedBlock() {
    return this.selection.kind === "block" ? this.block(this.selection.id) : null;
  }

  // Position among all blocks, from 1
  position(id) {
    return this.blocks().findIndex((block) => block.id === id) + 1;
  }

  // ——— selecting ———

  select(selection, origin = "") {
    this.selection = selection ?? EMAIL;
    this.#tell({ selected: true, origin });
  }

  selectBlock(id, origin = "") {
    this.select(this.block(id) ? { kind: "block", id } : EMAIL, origin);
  }

  // ——— changing ———

  // Runs `mutate(draft)`. `key`: changes of the same key in a row are one step of undo.
  // `origin` says who changed it, so that a field that is being typed in is left alone.
  change(mutate, { key = "", origin = "", soon = false } = {}) {
    const before = JSON.stringify(this.draft);
    mutate(this.draft);
    if (JSON.stringify(this.draft) === before) return;
    const now = Date.now();
    if (!key || key !== this.#last.key || now - this.#last.at > TOGETHER) this.#past.push(before);
    if (this.#past.length > DEPTH) this.#past.shift();
    this.#last = { key, at: now };
    this.#future = [];
    this.#tell({ changed: true, origin, soon });
  }

  get mayUndo() {
    return this.#past.length > 0;
  }

  get mayRedo() {
    return this.#future.length > 0;
  }

  undo() {
    this.#travel(this.#past, this.#future);
  }

  redo() {
    this.#travel(this.#future, this.#past);
  }

  #travel(from, to) {
    if (!from.length) return;
    to.push(JSON.stringify(this.draft));
    this.draft = JSON.parse(from.pop());
    this.#last = { key: "", at: 0 };
    if (!this.#exists(this.selection)) this.selection = EMAIL;
    this.#tell({ changed: true, selected: true, origin: "history", soon: true });
  }

  #exists({ kind, id, section, column }) {
    if (kind === "block") return this.block(id) !== null;
    if (kind === "section") return this.section(id) !== null;
    if (kind === "column") return this.section(section)?.blocks[column] !== undefined;
    return true;
  }

  // Where a click on the palette adds: after what is selected, else at the end
  target() {
    const { kind, id, section, column } = this.selection;
    if (kind === "block") {
      const place = this.place(id);
      return { section: place.section.id, column: place.column, index: place.index + 1 };
    }
    const found = this.section(kind === "section" ? id : section);
    if (!found) return this.end();
    const empty = found.blocks.findIndex((blocks) => !blocks.length);
    const into = kind === "column" ? column : Math.max(empty, kind === "section" ? empty : 0, 0);
    return { section: found.id, column: into, index: found.blocks[into].length };
  }

  // The end of the email: what is empty, else below all but the footer; null: there is no section
  end() {
    const columns = this.columns();
    const empty = columns.find(({ blocks }) => !blocks.length);
    const filled = columns.findLast(({ blocks }) => blocks.some((block) => block.type !== "footer"));
    const into = empty ?? filled ?? columns[0];
    if (!into) return null;
    const last = into.blocks.findLastIndex((block) => block.type !== "footer");
    return { section: into.section.id, column: into.column, index: last + 1 };
  }

  // Adds copies of `blocks`; ids are always new. Returns the id of the last.
  insert(blocks, target = this.target()) {
    const fresh = blocks.map((block) => ({ ...structuredClone(block), id: newId() }));
    this.change((draft) => {
      let section = target && draft.document.sections.find((one) => one.id === target.section);
      if (!section) {
        section = newSection([1]);
        draft.document.sections.push(section);
      }
      const column = section.blocks[target?.column ?? 0];
      column.splice(target?.index ?? column.length, 0, ...fresh);
    }, { soon: true });
    this.selectBlock(fresh.at(-1).id);
    return fresh.at(-1).id;
  }

  add(type, target = this.target()) {
    return KINDS[type] ? this.insert([newBlock(type)], target) : null;
  }

  addSection(columns) {
    const section = newSection(columns);
    this.#putSection(section);
    this.select({ kind: "column", section: section.id, column: 0 });
  }

  // Adds a copy of a section, below the one that is selected; ids are always new
  insertSection(section) {
    const copy = structuredClone(section);
    copy.id = newId("s");
    for (const block of copy.blocks.flat()) block.id = newId();
    this.#putSection(copy);
    this.select({ kind: "section", id: copy.id });
  }

  #putSection(section) {
    const { kind, id } = this.selection;
    const beside = kind === "email" ? this.end()?.section
      : kind === "block" ? this.place(id).section.id : this.selection.section ?? id;
    const at = this.document.sections.findIndex((one) => one.id === beside);
    this.change((draft) => {
      draft.document.sections.splice(at < 0 ? draft.document.sections.length : at + 1, 0, section);
    }, { soon: true });
  }

  // One step up (-1) or down (+1), from column to column at the ends. False: it is at the end.
  move(id, by) {
    const all = this.columns();
    const at = all.findIndex(({ blocks }) => blocks.some((block) => block.id === id));
    if (at < 0) return false;
    const index = all[at].blocks.findIndex((block) => block.id === id);
    const within = index + by >= 0 && index + by < all[at].blocks.length;
    const into = within ? all[at] : all[at + by];
    if (!into) return false;
    const to = within ? index + by : by < 0 ? into.blocks.length : 0;
    return this.moveTo(id, { section: into.section.id, column: into.column, index: to }, true);
  }

  // To a place counted as it is before the move; `counted`: as it is after the block was taken out
  moveTo(id, target, counted = false) {
    const from = this.place(id);
    if (!from) return false;
    const same = from.section.id === target.section && from.column === target.column;
    const index = !counted && same && target.index > from.index ? target.index - 1 : target.index;
    if (same && index === from.index) return false;
    this.change((draft) => {
      const find = (section) => draft.document.sections.find((one) => one.id === section);
      const [block] = find(from.section.id).blocks[from.column].splice(from.index, 1);
      find(target.section).blocks[target.column].splice(index, 0, block);
    }, { soon: true });
    return true;
  }

  moveSection(id, by) {
    const at = this.document.sections.findIndex((section) => section.id === id);
    const to = at + by;
    if (at < 0 || to < 0 || to >= this.document.sections.length) return false;
    this.change((draft) => {
      draft.document.sections.splice(to, 0, draft.document.sections.splice(at, 1)[0]);
    }, { soon: true });
    return true;
  }

  duplicate(id) {
    const { section, column, blocks, index } = this.place(id);
    return this.insert([blocks[index]], { section: section.id, column, index: index + 1 });
  }

  // Selects what takes its place: the next block, the one before, or the email
  remove(id) {
    const all = this.blocks();
    const at = all.findIndex((block) => block.id === id);
    const next = all[at + 1] ?? all[at - 1];
    const { section, column, index } = this.place(id);
    this.change((draft) => {
      draft.document.sections.find((one) => one.id === section.id).blocks[column].splice(index, 1);
    }, { soon: true });
    this.selectBlock(next?.id ?? "");
  }

  removeSection(id) {
    this.change((draft) => {
      draft.document.sections = draft.document.sections.filter((section) => section.id !== id);
    }, { soon: true });
    this.select(EMAIL);
  }

  setColumns(id, columns) {
    this.change((draft) => {
      const section = draft.document.sections.find((one) => one.id === id);
      const kept = section.blocks.slice(0, columns.length);
      while (kept.length < columns.length) kept.push([]);
      // What stood in columns that go away stays in the last one
      kept.at(-1).push(...section.blocks.slice(columns.length).flat());
      Object.assign(section, { columns: [...columns], blocks: kept });
    }, { soon: true });
  }
}
