// The rules of docs/clients.md: what the client knows after something happened. Pure: the same actions, the same state.
import { movedOwn, opened, synced, take, withExtras, withPage } from "./conversation.js";
import { mapMessages, movePointers } from "./messages.js";
import * as outbox from "./letters.js";
import type { Conversation, Letter, Message, Optimistic, Problem, Receipt, State, Status, SyncAnswer } from "./types.js";

export type Action =
  | { type: "status"; status: Status; error?: Problem | null }
  | { type: "restored"; state: Partial<State> }
  | { type: "syncAsked" }
  | { type: "synced"; answer: SyncAnswer }
  | { type: "cursorLost" }
  | { type: "stale" }
  | { type: "signedOut" }
  | { type: "event"; name: string; data: any; at: number }
  | { type: "page"; conversation_id: string; messages: Message[]; has_older: boolean; before_seq: number; asked: number }
  | { type: "extras"; conversation_id: string; messages: Message[]; asked: number }
  | { type: "receipts"; conversation_id: string; receipts: Receipt[] }
  | { type: "read"; conversation_id: string; read_seq: number }
  | { type: "expired"; at: number }
  | { type: "letter"; letter: Letter }
  | { type: "letterGone"; client_id: string }
  | { type: "optimistic"; change: Optimistic }
  | { type: "answered"; id: string; version: number | null };

export const emptyState: State = {
  status: "connecting",
  error: null,
  me: null,
  cursor: null,
  conversations: {},
  removed: {},
  outbox: [],
  optimistic: [],
  typing: {},
  presence: {},
  needs_sync: false,
  syncing: false,
  touched: {},
};

export function reduce(state: State, action: Action): State {
  switch (action.type) {
    case "status":
      return withStatus(state, action.status, action.error ?? null);
    case "restored":
      return { ...state, ...action.state };
    case "signedOut":
      return { ...emptyState, status: "offline" };
    case "syncAsked":
      return { ...state, needs_sync: false, syncing: true, touched: {} };
    case "synced":
      return outbox.prune(withAnswer({ ...state, syncing: false }, action.answer));
    case "cursorLost":
      return { ...state, cursor: null, needs_sync: true };
    case "event":
      return outbox.prune(withEvent(state, action.name, action.data, action.at));
    case "page":
      return update(state, action.conversation_id, (known) => withPage(known, action, state.me?.id));
    case "extras":
      return update(state, action.conversation_id, (known) => withExtras(known, action.messages, action.asked, state.me?.id));
    case "receipts":
      return update(state, action.conversation_id, (known) => withReceipts(known, action.receipts));
    case "read":
      return touch(update(state, action.conversation_id, (known) => movedOwn(known, action.read_seq, action.read_seq)), action.conversation_id);
    case "stale":
      return { ...state, needs_sync: true };
    case "expired":
      return { ...state, typing: stillTyping(state, action.at) };
    case "letter":
      return { ...state, outbox: outbox.put(state.outbox, action.letter) };
    case "letterGone":
      return { ...state, outbox: state.outbox.filter((each) => each.client_id !== action.client_id) };
    case "optimistic":
      return { ...state, optimistic: [...state.optimistic, action.change] };
    case "answered":
      return outbox.prune(outbox.answered(state, action.id, action.version));
  }
}

/** Conversations in which something is missing. */
export const gaps = (state: State): string[] =>
  Object.keys(state.conversations).filter((id) => state.conversations[id]!.held.length > 0);

function withStatus(state: State, status: Status, error: Problem | null): State {
  if (status !== "offline" && status !== "unauthorized") return { ...state, status, error };
  const conversations = mapValues(state.conversations, (each) => (each.receipts_stale ? each : { ...each, receipts_stale: true }));
  return { ...state, status, error, conversations, typing: {} };
}

function withAnswer(state: State, answer: SyncAnswer): State {
  const { user } = answer;
  if (user && state.me && user.id !== state.me.id) {
    return { ...emptyState, status: state.status, me: user, needs_sync: true }; // another user's, and all of it
  }
  const me = user ?? state.me;
  const conversations = answer.reset ? {} : { ...state.conversations };
  const removed = answer.reset ? {} : { ...state.removed };
  let needs_sync = state.needs_sync;
  for (const id of answer.removed) {
    if (id in state.touched && conversations[id]) needs_sync = true; // opened again meanwhile, perhaps
    else delete conversations[id];
  }
  let cursor: string | null = answer.cursor;
  for (const each of answer.conversations) {
    const id = each.id!;
    const known = conversations[id];
    const isSummary = each.recovered === undefined;
    if (isSummary && (known?.version ?? -1) < each.version!) {
      [cursor, needs_sync] = [null, true]; // the cursor promises more than is here: ask by versions
    } else if (!known && removed[id] !== undefined && removed[id] >= each.version!) {
      continue; // left since then
    } else {
      conversations[id] = synced(known, each, me?.id, id in state.touched);
      delete removed[id];
    }
  }
  return { ...state, me, conversations, removed, cursor, needs_sync };
}

function withEvent(state: State, name: string, data: any, at: number): State {
  const id: string = data.conversation_id ?? data.id;
  switch (name) {
    case "newConversation":
      return state.conversations[id] ? takeEvent(state, id, name, data) : open(state, id, data);
    case "removedFromConversation":
    case "conversationDeleted":
      return leave(state, id, data.version);
    case "receipt":
      return withReceipt(state, data);
    case "conversationSettings":
      // A sync that is under way may have been answered before it: one more sees to that.
      return { ...update(state, id, (known) => withSettings(known, data)), needs_sync: state.needs_sync || state.syncing };
    case "typing":
      return withTyping(state, id, data, at);
    case "presence":
      return { ...state, presence: { ...state.presence, [data.user_id]: { online: data.online, last_seen_at: data.last_seen_at } } };
    case "userUpdated":
      return withUser(state, data);
    default:
      if (typeof data.version !== "number" || !data.conversation_id) return state;
      if (name === "message") state = withTyping(state, id, { user_id: data.user_id, is_typing: false }, at);
      return takeEvent(state, id, name, data);
  }
}

function takeEvent(state: State, id: string, name: string, data: any): State {
  const known = state.conversations[id];
  if (known) {
    const next = update(state, id, (conversation) => take(conversation, { name, data }, state.me?.id));
    return name === "message" && data.user_id === state.me?.id ? touch(next, id) : next;
  }
  return (state.removed[id] ?? -1) >= data.version ? state : { ...state, needs_sync: true }; // it overtook its conversation
}

function open(state: State, id: string, data: any): State {
  if ((state.removed[id] ?? -1) >= data.version) return state;
  const { [id]: _, ...removed } = state.removed;
  const needs_sync = state.needs_sync || data.last_seq > 0; // it has messages already
  return touch({ ...state, removed, needs_sync, conversations: { ...state.conversations, [id]: opened(data) } }, id);
}

function leave(state: State, id: string, version: number): State {
  const { [id]: known, ...conversations } = state.conversations;
  if (known && known.version > version) return state; // and was added again since then
  return { ...state, conversations, removed: { ...state.removed, [id]: Math.max(state.removed[id] ?? 0, version) } };
}

function withReceipt(state: State, { conversation_id, user_id, read_seq, delivered_seq }: Receipt): State {
  const next = update(state, conversation_id, (known) => movePointers(known, user_id, read_seq, delivered_seq));
  if (user_id !== state.me?.id) return next;
  const last_read_seq = state.conversations[conversation_id]?.about.last_read_seq ?? 0;
  if (read_seq < last_read_seq) return { ...next, needs_sync: true }; // late, or marked unread: a sync knows
  return touch(update(next, conversation_id, (known) => movedOwn(known, read_seq, delivered_seq)), conversation_id);
}

function withReceipts(conversation: Conversation, receipts: Receipt[]): Conversation {
  let next = conversation;
  for (const each of receipts) next = movePointers(next, each.user_id, each.read_seq, each.delivered_seq);
  return { ...next, receipts_stale: false };
}

function withSettings(conversation: Conversation, { conversation_id, ...settings }: any): Conversation {
  return { ...conversation, about: { ...conversation.about, ...settings } };
}

function withTyping(state: State, id: string, data: { user_id: string; is_typing: boolean; expires_in?: number }, at: number): State {
  const { [data.user_id]: known, ...others } = state.typing[id] ?? {};
  if (!data.is_typing && known === undefined) return state;
  const users = data.is_typing ? { ...others, [data.user_id]: at + (data.expires_in ?? 7) * 1000 } : others;
  return { ...state, typing: { ...state.typing, [id]: users } };
}

function stillTyping(state: State, at: number): State["typing"] {
  return mapValues(state.typing, (users) => Object.fromEntries(Object.entries(users).filter(([, until]) => until > at)));
}

// A profile has no version: take it wherever the person is shown.
function withUser(state: State, data: any): State {
  const shown = { username: data.username, avatar_url: data.avatar_url ?? null };
  const conversations = mapValues(state.conversations, (conversation) => {
    const { participants } = conversation.about;
    const renamed = participants.map((each) => (each.id === data.id ? { ...each, ...shown } : each));
    const isHere = participants.some((each) => each.id === data.id);
    const next = isHere ? { ...conversation, about: { ...conversation.about, participants: renamed } } : conversation;
    const author = (users: Message["users"]) => ({ ...users, ...shown });
    return mapMessages(next, (message) => {
      const own: Message = message.user_id === data.id ? { ...message, users: author(message.users) } : message;
      const { quote } = own;
      return quote && quote.user_id === data.id ? { ...own, quote: { ...quote, users: author(quote.users) } } : own;
    });
  });
  const me = state.me?.id === data.id ? ({ ...state.me, ...shown } as State["me"]) : state.me;
  return { ...state, me, conversations };
}

function update(state: State, id: string, change: (conversation: Conversation) => Conversation): State {
  const known = state.conversations[id];
  const next = known && change(known);
  return next === known || !next ? state : { ...state, conversations: { ...state.conversations, [id]: next } };
}

const touch = (state: State, id: string): State => ({ ...state, touched: { ...state.touched, [id]: true } });

function mapValues<Value>(values: Readonly<Record<string, Value>>, change: (value: Value) => Value): Record<string, Value> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, change(value)]));
}
