// Rich text: TipTap in the settings and in place on the canvas, with one toolbar for both.
import { KINDS } from "./blocks.js";
import { h, icon, t } from "./page.js";

const { Editor, StarterKit, Variable, Uncounted, OneLine } = window.PostinoRichText;

// Only what an email may hold; the server refuses the rest anyway
function extensions(inline) {
  const kit = {
    blockquote: false, code: false, codeBlock: false, heading: false, horizontalRule: false,
    dropcursor: false, gapcursor: false, trailingNode: false,
    undoRedo: false, // the whole document has one history
    link: { openOnClick: false, autolink: false, HTMLAttributes: { target: null, rel: null, class: null } },
  };
  if (!inline) return [StarterKit.configure(kit), Variable, Uncounted];
  Object.assign(kit, { document: false, bulletList: false, orderedList: false, listItem: false, listKeymap: false });
  return [OneLine, StarterKit.configure(kit), Variable, Uncounted];
}

function html(editor, inline) {
  const text = editor.getHTML();
  return inline ? text.replace(/^<p>/, "").replace(/<\/p>$/, "") : text;
}

const TOOLS = [
  ["bold", "Bold"], ["italic", "Italic"], ["underline", "Underline"], ["strike", "Strike"],
  ["bulletList", "BulletList"], ["orderedList", "OrderedList"],
];

export class RichText {
  #store;
  #panel = null; // {editor, block, inline}
  #canvas = null;
  #toolbar = null;

  // `variables.ask(scope)` → expression or null; `askLink(current)` → {url, counted}, with "" as
  // `url` to remove the link, or null; `current` says too whether the block's links are counted at all
  constructor(store, { variables, askLink }) {
    this.#store = store;
    this.variables = variables;
    this.askLink = askLink;
    store.subscribe(({ changed, origin }) => {
      if (!changed) return;
      for (const open of [this.#panel, this.#canvas]) if (open && origin !== open) this.#follow(open);
    });
  }

  #follow(open) {
    const block = this.#store.block(open.block);
    if (block?.props.html === undefined || html(open.editor, open.inline) === block.props.html) return;
    open.editor.commands.setContent(block.props.html, { emitUpdate: false });
  }

  #open(block, element, attributes) {
    const inline = Boolean(KINDS[block.type].inline);
    const open = { block: block.id, inline, editor: null };
    open.editor = new Editor({
      element,
      injectCSS: false,
      extensions: extensions(inline),
      content: block.props.html,
      editorProps: {
        attributes,
        // Tab leaves the text, as everywhere else
        handleDOMEvents: { keydown: (_view, event) => event.key === "Tab" },
      },
      onUpdate: ({ editor, transaction }) => {
        const text = html(editor, inline);
        this.#store.change((draft) => {
          for (const section of draft.document.sections) {
            for (const one of section.blocks.flat()) if (one.id === open.block) one.props.html = text;
          }
        }, { key: transaction.getMeta("apart") ? "" : `html ${open.block}`, origin: open });
      },
      onTransaction: () => this.#reflect(),
    });
    // Until somebody puts the caret elsewhere, what is inserted goes to the end
    open.editor.commands.command(({ tr }) => {
      tr.setSelection(tr.selection.constructor.atEnd(tr.doc));
      return true;
    });
    return open;
  }

  get #active() {
    return this.#canvas ?? this.#panel;
  }

  // ——— in place ———

  get inPlace() {
    return this.#canvas && this.#canvas.editor.view.dom;
  }

  openInPlace(block, holder, at) {
    this.closeInPlace();
    holder.replaceChildren();
    this.#canvas = this.#open(block, holder, { "aria-label": t("field.text"), role: "textbox" });
    const { editor } = this.#canvas;
    const spot = at && editor.view.posAtCoords(at);
    editor.commands.focus(spot ? spot.pos : "end");
    this.#reflect();
  }

  closeInPlace() {
    const open = this.#canvas;
    this.#canvas = null;
    open?.editor.destroy();
    this.#reflect();
  }

  // ——— in the settings ———

  field(block, label) {
    this.closePanel();
    const holder = h("div", { class: "rich-text", "data-field": "props.html" });
    this.#panel = this.#open(block, holder, {
      role: "textbox", "aria-multiline": String(!KINDS[block.type].inline), "aria-label": label, tabindex: "0",
    });
    this.#panel.editor.on("focus", () => { if (this.#canvas) this.onPanelFocus(); });
    this.#toolbar = this.#makeToolbar(this.#panel.inline);
    this.#reflect();
    return h("div", { class: "field" }, h("span", { class: "label", "aria-hidden": "true" }, label), this.#toolbar, holder);
  }

  onPanelFocus() {}

  closePanel() {
    this.#panel?.editor.destroy();
    this.#panel = this.#toolbar = null;
  }

  #makeToolbar(inline) {
    const keep = (event) => event.preventDefault(); // the caret stays in the text
    const button = (name, act, pressed) => h("button", {
      type: "button", class: "tool", "data-tool": name, "aria-label": t(`tool.${name}`), title: t(`tool.${name}`),
      "aria-pressed": pressed ? "false" : null, onmousedown: keep, onclick: act,
    }, icon(name));
    const tools = TOOLS.filter(([name]) => !inline || !name.endsWith("List")).map(([name, command]) =>
      button(name, () => this.#active.editor.chain().focus()[`toggle${command}`]().run(), true));
    tools.push(button("link", () => this.#link(), true));
    tools.push(h("button", {
      type: "button", class: "tool wide", onmousedown: keep, onclick: () => this.#insertVariable(),
    }, icon("variable"), t("tool.variable")));
    return h("div", { class: "toolbar", role: "group", "aria-label": t("tool.all") }, tools);
  }

  #reflect() {
    const editor = this.#active?.editor;
    if (!editor || !this.#toolbar) return;
    for (const button of this.#toolbar.querySelectorAll("[data-tool]")) {
      button.setAttribute("aria-pressed", String(editor.isActive(button.dataset.tool)));
    }
  }

  async #insertVariable() {
    const { editor, block } = this.#active;
    const expr = await this.variables.ask(this.#store.block(block));
    if (editor.isDestroyed) return;
    if (expr) editor.chain().focus().insertContent({ type: "variable", attrs: { expr } }).run();
    else editor.commands.focus();
  }

  async #link() {
    const { editor, block } = this.#active;
    const { href: current = "", uncounted: off = false } = editor.getAttributes("link");
    const within = this.#store.block(block)?.props.counted ?? true;
    const answer = await this.askLink({ url: current, counted: !off, within });
    if (editor.isDestroyed) return;
    const url = answer?.url;
    const attrs = { href: url, uncounted: answer?.counted === false };
    // A step of undo by itself, however soon after typing
    const chain = editor.chain().focus().extendMarkRange("link").setMeta("apart", true);
    if (url === "") chain.unsetLink().run();
    else if (url && editor.state.selection.empty && !editor.isActive("link")) {
      chain.insertContent({ type: "text", text: url, marks: [{ type: "link", attrs }] }).run();
    } else if (url) chain.setLink(attrs).run();
    else editor.commands.focus();
  }
}
