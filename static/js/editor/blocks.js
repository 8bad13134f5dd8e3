// The kinds of block: what a new one holds, and the one line that tells it from its neighbours.
import { data, t } from "./page.js";

const aligned = { align: "left" };

// Order of the palette. `rich`: its text is edited in place; `inline`: one line of it.
export const KINDS = {
  heading: { rich: true, inline: true, props: () => ({ html: t("new.heading"), level: 1, ...aligned }) },
  text: { rich: true, props: () => ({ html: `<p>${t("new.text")}</p>`, ...aligned }) },
  button: { props: () => ({ label: t("new.button"), url: "", align: "left", full: false }) },
  image: { props: () => ({ src: "", alt: "", decorative: false, width: 300, url: "" }) },
  items: {
    props: () => ({
      path: "custom.items",
      columns: [
        { label: t("new.item"), value: "{{ item.name }}", align: "left" },
        { label: t("new.price"), value: "{{ item.price }}", align: "right" },
      ],
    }),
  },
  summary: {
    props: () => ({ rows: [{ label: t("new.total"), value: "{{ custom.total }}" }] }),
  },
  code: { props: () => ({ value: "{{ custom.code }}" }) },
  divider: { props: () => ({ color: "#d5dae2" }) },
  spacer: { props: () => ({ height: 24 }) },
  logo: { props: () => ({ src: "", alt: "", width: 120, url: "" }) },
  social: { props: () => ({ links: [{ network: "linkedin", url: "" }] }) },
  footer: { rich: true, props: () => ({ html: `<p>${t("new.footer")}</p>` }) },
  html: { developers: true, props: () => ({ code: "" }) },
};

// Sections are added from the palette too, by their columns
export const LAYOUTS = { section: [1], columns: [1, 1] };
export const COLUMNS = [[1], [1, 1], [1, 1, 1], [1, 2], [2, 1]];
export const NETWORKS = [
  "facebook", "instagram", "linkedin", "x", "youtube", "tiktok", "whatsapp", "telegram",
  "pinterest", "github", "mastodon", "threads", "bluesky", "web",
];

export function offered() {
  return Object.keys(KINDS).filter((type) => !KINDS[type].developers || data.may_html);
}

export function newId(prefix = "b") {
  const random = crypto.getRandomValues(new Uint32Array(2));
  return prefix + (random[0].toString(36) + random[1].toString(36)).slice(0, 9);
}

export function newBlock(type) {
  return { id: newId(), type, props: KINDS[type].props(), showIf: null, repeat: null };
}

export function newSection(columns) {
  return { id: newId("s"), showIf: null, background: null, columns: [...columns], blocks: columns.map(() => []) };
}

export function kindName(type) {
  return t(`kind.${type}`);
}

// Rich text as words only; a chip is told by the name of its variable
export function plain(html) {
  const parsed = new DOMParser().parseFromString(html.replace(/ style="[^"]*"/g, ""), "text/html");
  for (const chip of parsed.querySelectorAll("[data-var]")) {
    chip.textContent = `{${chip.dataset.var.split("|")[0]}}`;
  }
  return parsed.body.textContent.replace(/\s+/g, " ").trim();
}

export function gist(block) {
  return gistOf(block).replace(/\{\{\s*([\w.]+)[^}]*\}\}/g, "{$1}");
}

function gistOf(block) {
  const props = block.props;
  switch (block.type) {
    case "items": return props.path;
    case "summary": return props.rows.map((row) => row.label).join(", ");
    case "social": return props.links.map((link) => link.network).join(", ");
    case "code": return props.value;
    case "html": return "";
    case "divider": case "spacer": return "";
    default: return props.html !== undefined ? plain(props.html) : props.label || props.alt || "";
  }
}

export function title(block) {
  const said = gist(block);
  return said ? `${kindName(block.type)}: ${said}` : kindName(block.type);
}
