// New output of the same email in place of the old: only what differs is put anew, so that the frame
// keeps its scroll, nothing flashes, and the browser lays out little.

function shallow(node) {
  return node.nodeType === 1 ? node.cloneNode(false).outerHTML : null;
}

// Makes `live` what `fresh` is, where `last` is what it was made from. Returns the nodes put anew.
export function morph(live, last, fresh) {
  const made = [];
  const put = (node) => {
    const copy = live.ownerDocument.importNode(node, true);
    made.push(copy);
    return copy;
  };
  const walk = (shown, before, after) => {
    const [was, is, now] = [[...before.childNodes], [...after.childNodes], [...shown.childNodes]];
    let head = 0;
    while (head < was.length && head < is.length && was[head].isEqualNode(is[head])) head += 1;
    let tail = 0;
    const most = Math.min(was.length, is.length) - head;
    while (tail < most && was.at(-1 - tail).isEqualNode(is.at(-1 - tail))) tail += 1;
    const [old, fresher] = [was.slice(head, was.length - tail), is.slice(head, is.length - tail)];
    if (old.length === fresher.length) {
      old.forEach((one, at) => {
        const [target, wanted] = [now[head + at], fresher[at]];
        if (one.isEqualNode(wanted)) return;
        if (one.nodeType === 1 && shallow(one) === shallow(wanted)) walk(target, one, wanted);
        else target.replaceWith(put(wanted));
      });
      return;
    }
    const anchor = now[was.length - tail] ?? null;
    for (const node of now.slice(head, was.length - tail)) node.remove();
    for (const node of fresher) shown.insertBefore(put(node), anchor);
  };
  walk(live, last, fresh);
  return made;
}
