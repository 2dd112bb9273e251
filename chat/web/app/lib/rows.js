// The rows of a list of messages: days, the line above what is unread, and who speaks on.
import { isSameDay } from "./dates.js";

const SPEAKS_ON = 5 * 60_000;

export function rowsOf(messages, unreadAfter, me) {
  const rows = [];
  let before = null;
  let isLineDrawn = unreadAfter === null;
  for (const message of messages) {
    if (!before || !isSameDay(before.created_at, message.created_at)) {
      rows.push({ kind: "day", key: `day ${message.created_at.slice(0, 10)} ${message.key}`, at: message.created_at });
      before = null;
    }
    if (!isLineDrawn && message.seq > unreadAfter && message.user_id !== me) {
      rows.push({ kind: "unread", key: "unread" });
      isLineDrawn = true;
      before = null;
    }
    rows.push({ kind: message.type === "system" ? "system" : "message", key: message.key, message, isFirst: !speaksOn(before, message) });
    before = message;
  }
  return rows;
}

const speaksOn = (before, message) =>
  before !== null &&
  before.type === message.type &&
  before.user_id === message.user_id &&
  !before.thread_id === !message.thread_id &&
  Date.parse(message.created_at) - Date.parse(before.created_at) < SPEAKS_ON;
