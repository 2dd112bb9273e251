import { html, useEffect, useId, useRef } from "../html.js";
import { IconButton } from "./IconButton.js";

/** What stands beside the conversation; on a phone before it. */
export function Panel({ title, onClose, children }) {
  const id = useId();
  const heading = useRef(null);
  useEffect(() => heading.current.focus(), []);
  return html`
    <aside class="panel" aria-labelledby=${id} onKeyDown=${(event) => event.key === "Escape" && !event.defaultPrevented && !event.target.closest("dialog") && onClose()}>
      <header class="head"><h2 id=${id} ref=${heading} tabindex="-1">${title}</h2><${IconButton} icon="close" label=${`Close ${title.toLowerCase()}`} onClick=${onClose} /></header>
      ${children}
    </aside>
  `;
}
