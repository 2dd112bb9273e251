// Objects as the server sends them, for tests of the rules.
import { emptyState, reduce } from "../dist/chat.js";
import { follow } from "../dist/more.js";

export const ME = "me";
export const OTHER = "other";
export const ID = "c";

const user = (id) => ({ id, username: id, created_at: "2026-01-01T00:00:00+00:00", avatar_url: null });
export const about = (more = {}) => ({
  id: ID, name: "Tea", owner_user_id: ME, created_at: "2026-01-01T00:00:00+00:00", version: 1, last_seq: 0, oldest_seq: 1,
  type: "group", visibility: "private", history: "all", description: null, avatar_url: null, slow_mode_seconds: 0, frozen: false,
  custom: {}, member_count: 2, participants: [ME, OTHER].map((id) => ({ ...user(id), role: "member", joined_at: "", custom: {} })), ...more,
});
const own = { unread_count: 0, last_read_seq: 0, last_delivered_seq: 0, pinned: false, archived: false, muted_until: null, notifications: null };
export const message = (seq, version, more = {}) => ({
  id: `m${seq}`, conversation_id: ID, user_id: OTHER, users: { id: OTHER, username: OTHER, avatar_url: null }, type: "text", message: `text ${seq}`,
  created_at: `2026-01-01T00:00:0${seq}+00:00`, seq, version, client_id: null, edited_at: null, deleted_at: null, reply_to: null, quote: null,
  thread_id: null, reply_count: 0, last_reply_at: null, reactions: [], mentions: [], attachments: [], pinned_at: null, custom: {}, ...more,
});
export const whole = (messages, more = {}) => {
  const last = messages.at(-1)?.seq ?? 0;
  return { ...about({ version: last + 1, last_seq: last, ...more }), ...own, unread_count: last, recovered: true, ...more, messages };
};
export const answer = (conversations, more = {}) => ({ conversations, removed: [], cursor: "e.1", has_more: false, reset: false, ...more });

export const event = (name, data) => ({ type: "event", name, data: { conversation_id: ID, ...data }, at: 1000 });
export const synced = (...args) => ({ type: "synced", answer: answer(...args) });
export const set = (state) => ({ type: "set", state });
/** A message that waits to be sent, or was. */
export const letter = (more = {}) => ({
  ...message(0, 0), user_id: ME, key: "x", client_id: "x", draft: { message: "hi" }, status: "sending", error: null, ...more,
});

/** The state after these actions, for a user who is known; with the rule of `more`. */
export const after = (...actions) => actions.reduce((state, action) => reduce(state, action, [follow]), { ...emptyState, me: user(ME) });
export const three = synced([whole([message(1, 2), message(2, 3), message(3, 4)])]);
