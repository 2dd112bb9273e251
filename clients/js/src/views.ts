// What is shown: the conversations in their order, the messages with those that wait and those that are being changed.
import { findMessage, react, tombstone } from "./messages.js";
import type { About, Conversation, Letter, Message, Optimistic, ShownMessage, State } from "./types.js";

export type ShownConversation = About & { last_message: ShownMessage | null };

/** A function that gives the same object as long as it is asked with the same things. */
export function memo<Arguments extends unknown[], Value>(make: (...args: Arguments) => Value): (...args: Arguments) => Value {
  let last: Arguments | undefined;
  let value: Value;
  return (...args) => {
    if (!last || args.some((each, index) => each !== last![index])) [last, value] = [args, make(...args)];
    return value;
  };
}

/** The messages of a conversation, by `seq`; what waits to be sent comes last. */
export function shownMessages(
  conversation: Conversation | undefined,
  outbox: readonly Letter[],
  optimistic: readonly Optimistic[],
  me: State["me"],
): ShownMessage[] {
  if (!conversation) return [];
  const here = (each: { conversation_id: string }) => each.conversation_id === conversation.about.id;
  const known = new Set(conversation.messages.map((message) => message.user_id === me?.id && message.client_id));
  const waiting = outbox.filter((letter) => here(letter) && !known.has(letter.client_id));
  const changes = optimistic.filter(here);
  return [
    ...conversation.messages.map((message) => shown(changed(message, changes, me?.id))),
    ...waiting.map((letter) => shownLetter(letter, me)),
  ];
}

/** The replies of a thread that are known, by `seq`. */
export function shownThread(state: State, conversation_id: string, root_id: string): ShownMessage[] {
  const conversation = state.conversations[conversation_id];
  if (!conversation) return [];
  const extras = Object.values(conversation.extras).sort((a, b) => a.seq - b.seq);
  const all = { ...conversation, messages: [...extras, ...conversation.messages] };
  return shownMessages(all, state.outbox, state.optimistic, state.me).filter((each) => each.thread_id === root_id);
}

/** The conversations that are not archived (or those that are): pinned ones first, then by their latest message. */
export function shownConversations(
  conversations: State["conversations"],
  outbox: readonly Letter[],
  optimistic: readonly Optimistic[],
  me: State["me"],
  archived = false,
): ShownConversation[] {
  return Object.values(conversations)
    .filter((each) => each.about.archived === archived)
    .map((each) => summary(each, outbox, optimistic, me))
    .sort((a, b) => Number(b.pinned) - Number(a.pinned) || compare(lastActivity(b), lastActivity(a)) || compare(b.id, a.id));
}

export const totalUnread = (state: State): number =>
  Object.values(state.conversations).reduce((total, each) => total + each.about.unread_count, 0);

function summary(conversation: Conversation, outbox: readonly Letter[], optimistic: readonly Optimistic[], me: State["me"]) {
  const newest = conversation.messages.slice(-1);
  const last_message = shownMessages({ ...conversation, messages: newest }, outbox, optimistic, me).at(-1) ?? null;
  return { ...conversation.about, last_message };
}

const lastActivity = (each: ShownConversation) => each.last_message?.created_at ?? each.created_at;
const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

// Kept, so that what has not changed stays the same object for whoever compares.
const kept = new WeakMap<Message, ShownMessage>();

function shown(message: Message): ShownMessage {
  let made = kept.get(message);
  if (!made) kept.set(message, (made = { ...message, key: message.client_id ?? message.id, status: "sent", error: null }));
  return made;
}

function shownLetter(letter: Letter, me: State["me"]): ShownMessage {
  const { client_id, conversation_id, draft, created_at, error, message } = letter;
  if (message) return shown(message);
  const { id = "", username = "", avatar_url = null } = me ?? {};
  return {
    id: client_id,
    key: client_id,
    client_id,
    conversation_id,
    user_id: id,
    users: { id, username, avatar_url },
    type: "text",
    message: draft.message ?? "",
    created_at,
    seq: 0,
    version: 0,
    edited_at: null,
    deleted_at: null,
    reply_to: draft.reply_to ?? null,
    quote: null,
    thread_id: draft.thread_id ?? null,
    reply_count: 0,
    last_reply_at: null,
    reactions: [],
    mentions: draft.mentions ?? [],
    attachments: [],
    pinned_at: null,
    custom: (draft.custom as Message["custom"]) ?? {},
    status: letter.status === "failed" ? "failed" : "sending",
    error,
  };
}

function changed(message: Message, changes: readonly Optimistic[], me: string | undefined): Message {
  for (const change of changes) {
    if (change.message_id === message.id) message = withChange(message, change, me);
  }
  return message;
}

function withChange(message: Message, { kind, fields, emoji, added }: Optimistic, me = ""): Message {
  if (kind === "edit") return { ...message, ...fields };
  if (kind === "delete") return tombstone(message, new Date().toISOString(), message.version);
  const known = message.reactions.find((each) => each.emoji === emoji);
  if (!!known?.me === added) return message;
  return react(message, emoji!, me, added!, (known?.count ?? 0) + (added ? 1 : -1), me);
}

/** A message as the state has it now. */
export const current = (state: State, { conversation_id, id }: { conversation_id: string; id: string }): Message | undefined =>
  findMessage(state.conversations[conversation_id], id);
