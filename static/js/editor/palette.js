// The palette: a click adds below what is selected, a drag adds where it is dropped.
import { LAYOUTS, kindName, offered } from "./blocks.js";
import { byId, h, icon, say, t } from "./page.js";

export function palette(store, canvas, { added }) {
  const button = (name, act, what) => h("li", {}, h("button", {
    type: "button", draggable: what ? "true" : null, onclick: act,
    ondragstart: what ? (event) => {
      event.dataTransfer.setData("text/plain", kindName(name));
      event.dataTransfer.effectAllowed = "copy";
      canvas.drag(what);
    } : null,
    ondragend: what ? () => canvas.drag(null) : null,
  }, icon(name), h("span", {}, kindName(name))));
  byId("palette").replaceChildren(
    ...offered().map((type) => button(type, () => added(store.add(type)), { type })),
    ...Object.entries(LAYOUTS).map(([name, columns]) => button(name, () => {
      store.addSection(columns);
      say(t("said.section"));
    })),
  );
}
