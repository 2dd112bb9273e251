import { html } from "../html.js";
import { Dialog } from "./Dialog.js";

/** Ask before something that cannot be taken back. */
export const Confirm = ({ title, text, action, onConfirm, onClose }) => html`
  <${Dialog} title=${title} onClose=${onClose}>
    <p>${text}</p>
    <div class="buttons">
      <button type="button" onClick=${onClose}>Cancel</button>
      <button type="button" class="danger" onClick=${() => (onClose(), onConfirm())}>${action}</button>
    </div>
  </${Dialog}>
`;
