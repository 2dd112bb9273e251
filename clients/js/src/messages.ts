// One conversation's messages: which of two states wins, where a message belongs, what follows from a change.
import type { Conversation, Message, Pointers } from "./types.js";

type Thread = { id: string; reply_count: number; last_reply_at: string | null } | null | undefined;

/** The message without what answers and events carry beside it. */
export function plain(data: any, me: string | undefined, known?: Message): Message {
  const { conversations, thread, from_version, mentions_not_members, highlight, ...message } = data;
  return { ...message, reactions: (message.reactions ?? []).map((each: any) => withMe(each, me, known)) } as Message;
}

// Events do not say who `me` is; beyond the first 20 who reacted only what was known tells.
function withMe(reaction: any, me: string | undefined, known?: Message) {
  if (reaction.me !== undefined || !me) return reaction;
  const before = known?.reactions.find((each) => each.emoji === reaction.emoji);
  const listed = reaction.user_ids.includes(me);
  return { ...reaction, me: listed || (!!before?.me && reaction.count > reaction.user_ids.length) };
}

export function findMessage(conversation: Conversation | undefined, id: string): Message | undefined {
  return conversation && (conversation.extras[id] ?? conversation.messages.find((message) => message.id === id));
}

/** Put a state of a message where it belongs, unless a newer one is there. */
export function put(conversation: Conversation, data: any, me: string | undefined): Conversation {
  const known = findMessage(conversation, data.id);
  if (known && known.version >= data.version) return conversation;
  const message = plain(data, me, known);
  let next = conversation;
  if (message.seq < conversation.first_seq) {
    next = { ...next, changed_below: Math.max(next.changed_below, message.version) };
    if (known) next = { ...next, extras: { ...next.extras, [message.id]: message } };
  } else {
    next = { ...next, messages: insert(next.messages, message) };
  }
  return known || message.seq < conversation.first_seq ? redrawQuotes(next, message) : next;
}

function insert(messages: readonly Message[], message: Message): readonly Message[] {
  let place = messages.length;
  while (place > 0 && messages[place - 1]!.seq >= message.seq) place--;
  const replaced = messages[place]?.seq === message.seq ? 1 : 0;
  return [...messages.slice(0, place), message, ...messages.slice(place + replaced)];
}

/** Change messages one by one; the ones that `change` returns as they are stay the same objects. */
export function mapMessages(conversation: Conversation, change: (message: Message) => Message): Conversation {
  let isChanged = false;
  const mapped = (message: Message) => {
    const next = change(message);
    isChanged ||= next !== message;
    return next;
  };
  const messages = conversation.messages.map(mapped);
  const extras = Object.fromEntries(Object.entries(conversation.extras).map(([id, each]) => [id, mapped(each)]));
  return isChanged ? { ...conversation, messages, extras } : conversation;
}

// A quote changes with its original, without a version of its own.
function redrawQuotes(conversation: Conversation, original: Message): Conversation {
  const text = [...original.message].slice(0, 200).join("");
  return mapMessages(conversation, (message) =>
    message.quote?.id === original.id
      ? { ...message, quote: { ...message.quote, message: text, deleted_at: original.deleted_at } }
      : message,
  );
}

/** What is left of a deleted message. */
export function tombstone(message: Message, deleted_at: string, version: number): Message {
  return {
    ...message,
    version,
    deleted_at,
    message: "",
    edited_at: null,
    quote: null,
    last_reply_at: null,
    reactions: [],
    mentions: [],
    attachments: [],
    pinned_at: null,
    custom: {},
  };
}

/** Update the root of a thread. */
export function updateRoot(conversation: Conversation, thread: Thread, version: number): Conversation {
  const root = thread && findMessage(conversation, thread.id);
  if (!thread) return conversation;
  if (!root) return { ...conversation, changed_below: Math.max(conversation.changed_below, version) };
  const { reply_count } = thread;
  const last_reply_at = root.deleted_at ? null : thread.last_reply_at;
  return put(conversation, { ...root, reply_count, last_reply_at, version }, undefined);
}

/** Apply one reaction to a message. */
export function react(message: Message, emoji: string, userId: string, added: boolean, count: number, me?: string): Message {
  const known = message.reactions.find((each) => each.emoji === emoji);
  const others = (known?.user_ids ?? []).filter((id) => id !== userId);
  const user_ids = added ? (known?.user_ids.includes(userId) ? known.user_ids : [...others, userId].slice(0, 20)) : others;
  const changed = { emoji, count, user_ids, me: userId === me ? added : !!known?.me };
  const reactions = known
    ? message.reactions.map((each) => (each === known ? changed : each)).filter((each) => each.count > 0)
    : count > 0
      ? [...message.reactions, changed]
      : message.reactions;
  return { ...message, reactions };
}

/** Move a member's pointers; they only go forward. */
export function movePointers(conversation: Conversation, userId: string, read: number, delivered: number): Conversation {
  const known: Pointers = conversation.receipts[userId] ?? { read_seq: 0, delivered_seq: 0 };
  if (known.read_seq >= read && known.delivered_seq >= delivered && conversation.receipts[userId]) return conversation;
  const moved = { read_seq: Math.max(known.read_seq, read), delivered_seq: Math.max(known.delivered_seq, delivered, read) };
  return { ...conversation, receipts: { ...conversation.receipts, [userId]: moved } };
}
