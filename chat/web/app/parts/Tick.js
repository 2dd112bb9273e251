import { html } from "../html.js";

const TEXTS = { sending: "Sending", failed: "Not sent", sent: "Sent", delivered: "Delivered", read: "Read" };
const MARKS = { sending: "M12 7v5l3 2", failed: "M12 6v7M12 17v.01", sent: "M6 12l4 4 8-9", delivered: "M2 12l4 4 8-9M10 14l2 2 8-9", read: "M2 12l4 4 8-9M10 14l2 2 8-9" };

/** How far one's own message has come. */
export const Tick = ({ state }) =>
  state &&
  html`<span class=${`tick ${state}`} role="img" aria-label=${TEXTS[state]} title=${TEXTS[state]}>
    <svg class="icon" viewBox="0 0 24 24" width="16" height="16" aria-hidden="true"><path d=${MARKS[state]} />${state === "sending" && html`<circle cx="12" cy="12" r="8" />`}</svg>
  </span>`;
