// Blocks on the clipboard, as JSON: they can be pasted into another email.
import { KINDS, offered } from "./blocks.js";

const MARK = "postino-blocks";

export function asText(blocks) {
  return JSON.stringify({ [MARK]: 1, blocks });
}

// Blocks that somebody copied; empty if the text is anything else
export function fromText(text) {
  if (!text.startsWith(`{"${MARK}":1`) || text.length > 500_000) return [];
  try {
    const { blocks } = JSON.parse(text);
    return blocks.slice(0, 50).filter(({ type, props }) => offered().includes(type) && typeof props === "object" && props)
      .map(({ type, props, showIf, repeat }) => ({ type, props: { ...KINDS[type].props(), ...props }, showIf: showIf ?? null, repeat: repeat ?? null }));
  } catch {
    return [];
  }
}
