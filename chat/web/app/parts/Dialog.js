import { html, useEffect, useId, useRef } from "../html.js";
import { IconButton } from "./IconButton.js";

/** A window before the page; the browser keeps the focus in it and gives it back. */
export function Dialog({ title, onClose, children }) {
  const element = useRef(null);
  const id = useId();
  useEffect(() => {
    const before = document.activeElement;
    element.current.showModal();
    return () => before?.isConnected && before.focus();
  }, []);
  return html`
    <dialog ref=${element} aria-labelledby=${id} onClose=${onClose} onClick=${(event) => event.target === element.current && onClose()}>
      <div class="dialog">
        <header><h2 id=${id}>${title}</h2><${IconButton} icon="close" label="Close" onClick=${onClose} /></header>
        ${children}
      </div>
    </dialog>
  `;
}
