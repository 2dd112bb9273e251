import { html } from "../html.js";
import { lookFor } from "../lib/jump.js";
import { plainText } from "../lib/text.js";

/** The message that another one answers; a click leads to it. */
export const Quote = ({ quote, conversationId, names }) => html`
  <button type="button" class="quote" onClick=${() => lookFor(conversationId, quote)}>
    <strong>${quote.users.username}</strong>
    <span>${quote.deleted_at ? "Deleted" : plainText(quote.message, names) || "A file"}</span>
  </button>
`;
