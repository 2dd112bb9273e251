// What one conversation becomes by an event, an answer of sync, or a page of older messages. Pure functions.
import { findMessage, mapMessages, movePointers, plain, put, react, tombstone, updateRoot } from "./messages.js";
import type { About, Change, Conversation, Message, SyncedConversation } from "./types.js";

/** Held back beyond a gap; a sync brings what is dropped. */
const MOST_HELD = 100;
/** A member's own: not in events, which are the same for all. */
const OWN = ["unread_count", "last_read_seq", "last_delivered_seq", "pinned", "archived", "muted_until", "notifications"] as const;

const about = (data: any): About => {
  const { messages, last_message, recovered, conversation_id, from_version, not_added, ...rest } = data;
  return rest;
};

/** A conversation that was just heard of. */
export function opened(data: any): Conversation {
  const read = { unread_count: 0, last_read_seq: 0, last_delivered_seq: 0 };
  const own = { ...read, pinned: false, archived: false, muted_until: null, notifications: null };
  return {
    about: { ...own, ...about(data) },
    version: data.version,
    messages: [],
    first_seq: data.last_seq + 1,
    has_older: data.last_seq >= data.oldest_seq,
    extras: {},
    receipts: {},
    receipts_stale: true,
    held: [],
    changed_below: 0,
  };
}

/** Take an event by its version: apply it, drop what is known, hold back what lies beyond a gap. */
export function take(conversation: Conversation, change: Change, me: string | undefined): Conversation {
  const { version, from_version } = change.data;
  if (version <= conversation.version) return conversation;
  if ((from_version ?? version) > conversation.version + 1) {
    if (conversation.held.some((held) => held.data.version === version)) return conversation;
    const held = [...conversation.held, change].sort((a, b) => a.data.version - b.data.version).slice(0, MOST_HELD);
    return { ...conversation, held };
  }
  const next = apply(conversation, change, me);
  return release({ ...next, version, about: { ...next.about, version } }, me);
}

// What was held back and has become the next one.
function release(conversation: Conversation, me: string | undefined): Conversation {
  const held = conversation.held.filter((change) => change.data.version > conversation.version);
  const [first, ...rest] = held;
  if (first && (first.data.from_version ?? first.data.version) <= conversation.version + 1) {
    return take({ ...conversation, held: rest }, first, me);
  }
  return held.length === conversation.held.length ? conversation : { ...conversation, held };
}

function apply(conversation: Conversation, { name, data }: Change, me: string | undefined): Conversation {
  switch (name) {
    case "message":
      return applyMessage(conversation, data, me);
    case "messageUpdated":
      return updateRoot(put(conversation, data, me), data.thread, data.version);
    case "messageDeleted":
      return applyDeleted(conversation, data as any, me);
    case "reaction":
      return applyReaction(conversation, data as any, me);
    case "newConversation":
    case "conversationUpdated":
      return applyAbout(conversation, data);
    default:
      return conversation; // `version`, and what later servers send: the number is all there is to take
  }
}

function applyMessage(conversation: Conversation, data: any, me: string | undefined): Conversation {
  const isNew = data.seq > conversation.about.last_seq;
  let next = updateRoot(put(conversation, data, me), data.thread, data.version);
  if (!isNew) return next;
  const old = next.about;
  const isText = data.type !== "system";
  const isMuted = old.muted_until !== null && Date.parse(old.muted_until) > Date.parse(data.created_at);
  next = { ...next, about: { ...old, last_seq: data.seq, archived: old.archived && isMuted } };
  if (!isText) return next;
  next = movePointers(next, data.user_id, data.seq, data.seq); // sending reads
  if (data.user_id === me) return movedOwn(next, data.seq, data.seq);
  return { ...next, about: { ...next.about, unread_count: old.unread_count + 1 } };
}

function applyDeleted(conversation: Conversation, data: any, me: string | undefined): Conversation {
  const known = findMessage(conversation, data.id);
  let next = conversation;
  if (known) next = put(next, tombstone(known, data.deleted_at, data.version), me);
  else next = redrawDeleted({ ...next, changed_below: Math.max(next.changed_below, data.version) }, data);
  return updateRoot(next, data.thread, data.version);
}

function redrawDeleted(conversation: Conversation, { id, deleted_at }: { id: string; deleted_at: string }): Conversation {
  return mapMessages(conversation, (message) =>
    message.quote?.id === id ? { ...message, quote: { ...message.quote, message: "", deleted_at } } : message,
  );
}

function applyReaction(conversation: Conversation, data: any, me: string | undefined): Conversation {
  const known = findMessage(conversation, data.message_id);
  const changed_below = Math.max(conversation.changed_below, data.version);
  if (!known) return { ...conversation, changed_below };
  const message = react(known, data.emoji, data.user_id, data.added, data.count, me);
  return put(conversation, { ...message, version: data.version }, me);
}

function applyAbout(conversation: Conversation, data: any): Conversation {
  const own = Object.fromEntries(OWN.map((name) => [name, conversation.about[name]]));
  return withMembers({ ...conversation, about: { ...conversation.about, ...about(data), ...own } }, conversation.about);
}

// Pointers of those who have left go; those of who came are not known.
function withMembers(conversation: Conversation, before: About): Conversation {
  const { participants, member_count } = conversation.about;
  const ids = new Set(participants.map((each) => each.id));
  const known = new Set(before.participants.map((each) => each.id));
  const receipts_stale = conversation.receipts_stale || participants.some((each) => !known.has(each.id));
  if (member_count > participants.length) return { ...conversation, receipts_stale };
  const receipts = Object.fromEntries(Object.entries(conversation.receipts).filter(([id]) => ids.has(id)));
  return { ...conversation, receipts, receipts_stale };
}

/** Move the user's own pointers, forward only, and count again what is unread. */
export function movedOwn(conversation: Conversation, read: number, delivered: number): Conversation {
  const old = conversation.about;
  const last_read_seq = Math.max(old.last_read_seq, Math.min(read, old.last_seq));
  const last_delivered_seq = Math.max(old.last_delivered_seq, last_read_seq, Math.min(delivered, old.last_seq));
  if (last_read_seq === old.last_read_seq && last_delivered_seq === old.last_delivered_seq) return conversation;
  const unread = conversation.messages.filter((each) => each.seq > last_read_seq && each.type !== "system").length;
  const unread_count = last_read_seq === old.last_read_seq ? old.unread_count : Math.min(unread, old.unread_count);
  return { ...conversation, about: { ...old, last_read_seq, last_delivered_seq, unread_count } };
}

/** Apply what a sync says of a conversation. `isTouched`: own pointers moved while it was under way. */
export function synced(known: Conversation | undefined, answer: SyncedConversation, me: string | undefined, isTouched: boolean): Conversation {
  const { version, ...fresh } = about(answer);
  let next = known ?? { ...opened(answer), version: -1 };
  const before = next.about;
  const isNewer = version >= next.version; // otherwise events have told more since then
  if (answer.recovered === false) next = startAfresh(next, answer);
  else if (!known) next = { ...next, first_seq: 1, has_older: false }; // it is all there is
  for (const message of answer.messages ?? []) {
    next = put(next, message, me);
    if (message.type !== "system") next = movePointers(next, message.user_id, message.seq, message.seq); // sending reads
  }
  if (isNewer) {
    const isWhole = answer.recovered !== undefined;
    next = { ...next, version: isWhole ? version : next.version };
    next = withMembers({ ...next, about: { ...before, ...fresh, version: next.version } }, before);
    if (isTouched && known) next = movedOwn(next, before.last_read_seq, before.last_delivered_seq);
  } else {
    const { pinned, archived, muted_until, notifications, oldest_seq } = fresh;
    next = { ...next, about: { ...before, pinned, archived, muted_until, notifications, oldest_seq } };
    next = movedOwn(next, fresh.last_read_seq, fresh.last_delivered_seq);
  }
  return release(sweep(next), me);
}

// Too much has changed: the newest page is a new beginning. Only what an event brought since then stays.
function startAfresh(conversation: Conversation, answer: SyncedConversation): Conversation {
  const messages = answer.messages ?? [];
  const first_seq = messages[0]?.seq ?? answer.last_seq! + 1;
  const kept = conversation.messages.filter((each) => each.version > answer.version! && each.seq >= first_seq);
  const has_older = first_seq > answer.oldest_seq!;
  return { ...conversation, messages: kept, extras: {}, first_seq, has_older, receipts_stale: true, changed_below: answer.version! };
}

// Messages that retention has removed.
function sweep(conversation: Conversation): Conversation {
  const { oldest_seq } = conversation.about;
  const isSwept = (message: Message) => message.seq < oldest_seq;
  const quotesSwept = (message: Message) => message.quote !== null && message.quote !== undefined && message.quote.seq < oldest_seq;
  const { messages, extras } = conversation;
  const isClean = !(messages[0] && isSwept(messages[0])) && !messages.some(quotesSwept) && !Object.values(extras).some(isSwept);
  const has_older = conversation.has_older && conversation.first_seq > oldest_seq;
  if (isClean) return has_older === conversation.has_older ? conversation : { ...conversation, has_older };
  const gone = new Set([...messages, ...Object.values(extras)].filter(isSwept).map((each) => each.id));
  const next = {
    ...conversation,
    has_older,
    messages: messages.filter((each) => !isSwept(each)),
    extras: Object.fromEntries(Object.entries(extras).filter(([, each]) => !isSwept(each))),
  };
  return mapMessages(next, (message) => {
    const quoteless = quotesSwept(message) ? { ...message, reply_to: null, quote: null } : message;
    return quoteless.thread_id && gone.has(quoteless.thread_id) ? { ...quoteless, thread_id: null } : quoteless;
  });
}

/** Put an older page before the messages. `asked`: the version that was known when the page was asked for. */
export function withPage(
  conversation: Conversation,
  page: { messages: readonly Message[]; has_older: boolean; before_seq: number; asked: number },
  me: string | undefined,
): Conversation {
  if (page.before_seq !== conversation.first_seq || conversation.changed_below > page.asked) return conversation;
  const first_seq = page.messages[0]?.seq ?? conversation.first_seq;
  const older = page.messages.map((message) => newer(conversation.extras[message.id], plain(message, me)));
  const extras = Object.fromEntries(Object.entries(conversation.extras).filter(([, each]) => each.seq < first_seq));
  return { ...conversation, messages: [...older, ...conversation.messages], extras, first_seq, has_older: page.has_older };
}

/** Keep messages that something shows beside the newest ones. */
export function withExtras(conversation: Conversation, messages: readonly Message[], asked: number, me: string | undefined): Conversation {
  if (conversation.changed_below > asked) return conversation;
  const extras = { ...conversation.extras };
  for (const message of messages) {
    if (message.seq < conversation.first_seq) extras[message.id] = newer(extras[message.id], plain(message, me));
  }
  return { ...conversation, extras };
}

const newer = (known: Message | undefined, message: Message) => (known && known.version >= message.version ? known : message);
