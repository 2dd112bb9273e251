import { html, useEffect, useState } from "../html.js";
import { useChatState } from "../context.js";

const PATIENCE = 1500; // a reconnection that takes no longer is nobody's concern

/** Says that there is no connection, and what becomes of messages meanwhile. */
export function OfflineLine() {
  const status = useChatState((chat) => chat.state().status);
  const waiting = useChatState((chat) => chat.state().outbox.filter((each) => each.status !== "failed" && each.status !== "sent").length);
  const [isLate, setLate] = useState(false);
  const isAway = status === "offline" || status === "connecting";
  useEffect(() => {
    setLate(false);
    if (!isAway) return undefined;
    const timer = setTimeout(() => setLate(true), PATIENCE);
    return () => clearTimeout(timer);
  }, [isAway]);
  const text = waiting ? `${waiting} message${waiting > 1 ? "s" : ""} will be sent when it is back.` : "You can read on, and write: it is sent when it is back.";
  return html`<div class="offline" role="status">${isAway && isLate && html`<p><strong>No connection.</strong> ${text}</p>`}</div>`;
}
