import { html } from "../html.js";
import { hueOf } from "../lib/names.js";

const initials = (name) => {
  const words = name.trim().split(/\s+/);
  return words.map((word) => [...word][0] ?? "").slice(0, 2).join("").toUpperCase();
};

/** A face, or the first letters of the name; with a dot for whoever is online. */
export function Avatar({ id, name, address, isOnline }) {
  return html`
    <span class=${`avatar hue-${hueOf(id)}`} aria-hidden="true">
      ${address?.startsWith("https:") ? html`<img src=${address} alt="" loading="lazy" />` : initials(name)}
      ${isOnline && html`<span class="dot"></span>`}
    </span>
  `;
}
