// What the block editor needs of TipTap, as one global: the editor, the marks and nodes an email
// may hold, a variable as an atom: <span data-var="contact.firstname|default(…)">, and links whose
// clicks are not counted: <a data-no-track>.
import { Editor, Extension, Node, mergeAttributes } from "@tiptap/core";
import StarterKit from "@tiptap/starter-kit";

const Variable = Node.create({
  name: "variable",
  group: "inline",
  inline: true,
  atom: true,
  selectable: true,
  addAttributes() {
    return {
      expr: {
        default: "",
        parseHTML: (element) => element.getAttribute("data-var"),
        renderHTML: (attributes) => ({ "data-var": attributes.expr }),
      },
    };
  },
  parseHTML() {
    return [{ tag: "span[data-var]" }];
  },
  renderHTML({ HTMLAttributes, node }) {
    return ["span", mergeAttributes(HTMLAttributes), node.attrs.expr.split("|")[0]];
  },
  renderText({ node }) {
    return `{{ ${node.attrs.expr} }}`;
  },
});

const Uncounted = Extension.create({
  name: "uncounted",
  addGlobalAttributes() {
    return [{
      types: ["link"],
      attributes: {
        uncounted: {
          default: false,
          parseHTML: (element) => element.hasAttribute("data-no-track"),
          renderHTML: (attributes) => (attributes.uncounted ? { "data-no-track": "" } : {}),
        },
      },
    }];
  },
});

// A heading is one line: a document of a single paragraph
const OneLine = Node.create({ name: "doc", topNode: true, content: "paragraph" });

window.PostinoRichText = { Editor, StarterKit, Variable, Uncounted, OneLine };
