import { html } from "../html.js";
import { Icon } from "./Icon.js";

export const IconButton = ({ icon, label, ...more }) => html`
  <button type="button" class="icon-button" aria-label=${label} title=${label} ...${more}><${Icon} name=${icon} /></button>
`;
