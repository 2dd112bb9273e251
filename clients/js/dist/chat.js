// src/messages.ts
function plain(data, me, known2) {
  const { conversations, thread, from_version, mentions_not_members, highlight, ...message } = data;
  return { ...message, reactions: (message.reactions ?? []).map((each) => withMe(each, me, known2)) };
}
function withMe(reaction, me, known2) {
  if (reaction.me !== void 0 || !me) return reaction;
  const before = known2?.reactions.find((each) => each.emoji === reaction.emoji);
  const listed = reaction.user_ids.includes(me);
  return { ...reaction, me: listed || !!before?.me && reaction.count > reaction.user_ids.length };
}
function findMessage(conversation, id) {
  return conversation && (conversation.extras[id] ?? conversation.messages.find((message) => message.id === id));
}
function put(conversation, data, me) {
  const known2 = findMessage(conversation, data.id);
  if (known2 && known2.version >= data.version) return conversation;
  const message = plain(data, me, known2);
  let next = conversation;
  if (message.seq < conversation.first_seq) {
    next = { ...next, changed_below: Math.max(next.changed_below, message.version) };
    if (known2) next = { ...next, extras: { ...next.extras, [message.id]: message } };
  } else {
    next = { ...next, messages: insert(next.messages, message) };
  }
  return known2 || message.seq < conversation.first_seq ? redrawQuotes(next, message) : next;
}
function insert(messages, message) {
  let place = messages.length;
  while (place > 0 && messages[place - 1].seq >= message.seq) place--;
  const replaced = messages[place]?.seq === message.seq ? 1 : 0;
  return [...messages.slice(0, place), message, ...messages.slice(place + replaced)];
}
function mapMessages(conversation, change) {
  let isChanged = false;
  const mapped = (message) => {
    const next = change(message);
    isChanged ||= next !== message;
    return next;
  };
  const messages = conversation.messages.map(mapped);
  const extras = Object.fromEntries(Object.entries(conversation.extras).map(([id, each]) => [id, mapped(each)]));
  return isChanged ? { ...conversation, messages, extras } : conversation;
}
function redrawQuotes(conversation, original) {
  const text = [...original.message].slice(0, 200).join("");
  return mapMessages(
    conversation,
    (message) => message.quote?.id === original.id ? { ...message, quote: { ...message.quote, message: text, deleted_at: original.deleted_at } } : message
  );
}
function tombstone(message, deleted_at, version) {
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
    custom: {}
  };
}
function updateRoot(conversation, thread, version) {
  const root = thread && findMessage(conversation, thread.id);
  if (!thread) return conversation;
  if (!root) return { ...conversation, changed_below: Math.max(conversation.changed_below, version) };
  const { reply_count } = thread;
  const last_reply_at = root.deleted_at ? null : thread.last_reply_at;
  return put(conversation, { ...root, reply_count, last_reply_at, version }, void 0);
}
function react(message, emoji, userId, added, count, me) {
  const known2 = message.reactions.find((each) => each.emoji === emoji);
  const others = (known2?.user_ids ?? []).filter((id) => id !== userId);
  const user_ids = added ? known2?.user_ids.includes(userId) ? known2.user_ids : [...others, userId].slice(0, 20) : others;
  const changed2 = { emoji, count, user_ids, me: userId === me ? added : !!known2?.me };
  const reactions = known2 ? message.reactions.map((each) => each === known2 ? changed2 : each).filter((each) => each.count > 0) : count > 0 ? [...message.reactions, changed2] : message.reactions;
  return { ...message, reactions };
}
function movePointers(conversation, userId, read, delivered) {
  const known2 = conversation.receipts[userId] ?? { read_seq: 0, delivered_seq: 0 };
  if (known2.read_seq >= read && known2.delivered_seq >= delivered && conversation.receipts[userId]) return conversation;
  const moved = { read_seq: Math.max(known2.read_seq, read), delivered_seq: Math.max(known2.delivered_seq, delivered, read) };
  return { ...conversation, receipts: { ...conversation.receipts, [userId]: moved } };
}

// src/conversation.ts
var MOST_HELD = 100;
var OWN = ["unread_count", "last_read_seq", "last_delivered_seq", "pinned", "archived", "muted_until", "notifications"];
var about = (data) => {
  const { messages, last_message, recovered, conversation_id, from_version, not_added, ...rest } = data;
  return rest;
};
function opened(data) {
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
    changed_below: 0
  };
}
function take(conversation, change, me) {
  const { version, from_version } = change.data;
  if (version <= conversation.version) return conversation;
  if ((from_version ?? version) > conversation.version + 1) {
    if (conversation.held.some((held2) => held2.data.version === version)) return conversation;
    const held = [...conversation.held, change].sort((a, b) => a.data.version - b.data.version).slice(0, MOST_HELD);
    return { ...conversation, held };
  }
  const next = apply(conversation, change, me);
  return release({ ...next, version, about: { ...next.about, version } }, me);
}
function release(conversation, me) {
  const held = conversation.held.filter((change) => change.data.version > conversation.version);
  const [first, ...rest] = held;
  if (first && (first.data.from_version ?? first.data.version) <= conversation.version + 1) {
    return take({ ...conversation, held: rest }, first, me);
  }
  return held.length === conversation.held.length ? conversation : { ...conversation, held };
}
function apply(conversation, { name, data }, me) {
  switch (name) {
    case "message":
      return applyMessage(conversation, data, me);
    case "messageUpdated":
      return updateRoot(put(conversation, data, me), data.thread, data.version);
    case "messageDeleted":
      return applyDeleted(conversation, data, me);
    case "reaction":
      return applyReaction(conversation, data, me);
    case "newConversation":
    case "conversationUpdated":
      return applyAbout(conversation, data);
    default:
      return conversation;
  }
}
function applyMessage(conversation, data, me) {
  const isNew = data.seq > conversation.about.last_seq;
  let next = updateRoot(put(conversation, data, me), data.thread, data.version);
  if (!isNew) return next;
  const old = next.about;
  const isText = data.type !== "system";
  const isMuted = old.muted_until !== null && Date.parse(old.muted_until) > Date.parse(data.created_at);
  next = { ...next, about: { ...old, last_seq: data.seq, archived: old.archived && isMuted } };
  if (!isText) return next;
  next = movePointers(next, data.user_id, data.seq, data.seq);
  if (data.user_id === me) return movedOwn(next, data.seq, data.seq);
  return { ...next, about: { ...next.about, unread_count: old.unread_count + 1 } };
}
function applyDeleted(conversation, data, me) {
  const known2 = findMessage(conversation, data.id);
  let next = conversation;
  if (known2) next = put(next, tombstone(known2, data.deleted_at, data.version), me);
  else next = redrawDeleted({ ...next, changed_below: Math.max(next.changed_below, data.version) }, data);
  return updateRoot(next, data.thread, data.version);
}
function redrawDeleted(conversation, { id, deleted_at }) {
  return mapMessages(
    conversation,
    (message) => message.quote?.id === id ? { ...message, quote: { ...message.quote, message: "", deleted_at } } : message
  );
}
function applyReaction(conversation, data, me) {
  const known2 = findMessage(conversation, data.message_id);
  const changed_below = Math.max(conversation.changed_below, data.version);
  if (!known2) return { ...conversation, changed_below };
  const message = react(known2, data.emoji, data.user_id, data.added, data.count, me);
  return put(conversation, { ...message, version: data.version }, me);
}
function applyAbout(conversation, data) {
  const own = Object.fromEntries(OWN.map((name) => [name, conversation.about[name]]));
  return withMembers({ ...conversation, about: { ...conversation.about, ...about(data), ...own } }, conversation.about);
}
function withMembers(conversation, before) {
  const { participants, member_count } = conversation.about;
  const ids = new Set(participants.map((each) => each.id));
  const known2 = new Set(before.participants.map((each) => each.id));
  const receipts_stale = conversation.receipts_stale || participants.some((each) => !known2.has(each.id));
  if (member_count > participants.length) return { ...conversation, receipts_stale };
  const receipts = Object.fromEntries(Object.entries(conversation.receipts).filter(([id]) => ids.has(id)));
  return { ...conversation, receipts, receipts_stale };
}
function movedOwn(conversation, read, delivered) {
  const old = conversation.about;
  const last_read_seq = Math.max(old.last_read_seq, Math.min(read, old.last_seq));
  const last_delivered_seq = Math.max(old.last_delivered_seq, last_read_seq, Math.min(delivered, old.last_seq));
  if (last_read_seq === old.last_read_seq && last_delivered_seq === old.last_delivered_seq) return conversation;
  const unread = conversation.messages.filter((each) => each.seq > last_read_seq && each.type !== "system").length;
  const unread_count = last_read_seq === old.last_read_seq ? old.unread_count : Math.min(unread, old.unread_count);
  return { ...conversation, about: { ...old, last_read_seq, last_delivered_seq, unread_count } };
}
function synced(known2, answer, me, isTouched) {
  const { version, ...fresh } = about(answer);
  let next = known2 ?? { ...opened(answer), version: -1 };
  const before = next.about;
  const isNewer = version >= next.version;
  if (answer.recovered === false) next = startAfresh(next, answer);
  else if (!known2) next = { ...next, first_seq: 1, has_older: false };
  for (const message of answer.messages ?? []) {
    next = put(next, message, me);
    if (message.type !== "system") next = movePointers(next, message.user_id, message.seq, message.seq);
  }
  if (isNewer) {
    const isWhole = answer.recovered !== void 0;
    next = { ...next, version: isWhole ? version : next.version };
    next = withMembers({ ...next, about: { ...before, ...fresh, version: next.version } }, before);
    if (isTouched && known2) next = movedOwn(next, before.last_read_seq, before.last_delivered_seq);
  } else {
    const { pinned, archived, muted_until, notifications, oldest_seq } = fresh;
    next = { ...next, about: { ...before, pinned, archived, muted_until, notifications, oldest_seq } };
    next = movedOwn(next, fresh.last_read_seq, fresh.last_delivered_seq);
  }
  return release(sweep(next), me);
}
function startAfresh(conversation, answer) {
  const messages = answer.messages ?? [];
  const first_seq = messages[0]?.seq ?? answer.last_seq + 1;
  const kept2 = conversation.messages.filter((each) => each.version > answer.version && each.seq >= first_seq);
  const has_older = first_seq > answer.oldest_seq;
  return { ...conversation, messages: kept2, extras: {}, first_seq, has_older, receipts_stale: true, changed_below: answer.version };
}
function sweep(conversation) {
  const { oldest_seq } = conversation.about;
  const isSwept = (message) => message.seq < oldest_seq;
  const quotesSwept = (message) => message.quote !== null && message.quote !== void 0 && message.quote.seq < oldest_seq;
  const { messages, extras } = conversation;
  const isClean = !(messages[0] && isSwept(messages[0])) && !messages.some(quotesSwept) && !Object.values(extras).some(isSwept);
  const has_older = conversation.has_older && conversation.first_seq > oldest_seq;
  if (isClean) return has_older === conversation.has_older ? conversation : { ...conversation, has_older };
  const gone = new Set([...messages, ...Object.values(extras)].filter(isSwept).map((each) => each.id));
  const next = {
    ...conversation,
    has_older,
    messages: messages.filter((each) => !isSwept(each)),
    extras: Object.fromEntries(Object.entries(extras).filter(([, each]) => !isSwept(each)))
  };
  return mapMessages(next, (message) => {
    const quoteless = quotesSwept(message) ? { ...message, reply_to: null, quote: null } : message;
    return quoteless.thread_id && gone.has(quoteless.thread_id) ? { ...quoteless, thread_id: null } : quoteless;
  });
}
function withPage(conversation, page, me) {
  if (page.before_seq !== conversation.first_seq || conversation.changed_below > page.asked) return conversation;
  const first_seq = page.messages[0]?.seq ?? conversation.first_seq;
  const older = page.messages.map((message) => newer(conversation.extras[message.id], plain(message, me)));
  const extras = Object.fromEntries(Object.entries(conversation.extras).filter(([, each]) => each.seq < first_seq));
  return { ...conversation, messages: [...older, ...conversation.messages], extras, first_seq, has_older: page.has_older };
}
function withExtras(conversation, messages, asked, me) {
  if (conversation.changed_below > asked) return conversation;
  const extras = { ...conversation.extras };
  for (const message of messages) {
    if (message.seq < conversation.first_seq) extras[message.id] = newer(extras[message.id], plain(message, me));
  }
  return { ...conversation, extras };
}
var newer = (known2, message) => known2 && known2.version >= message.version ? known2 : message;

// src/letters.ts
function put2(outbox, letter) {
  const isKnown = outbox.some((each) => each.client_id === letter.client_id);
  return isKnown ? outbox.map((each) => each.client_id === letter.client_id ? letter : each) : [...outbox, letter];
}
function answered(state, id, version) {
  const optimistic = state.optimistic.flatMap((each) => {
    if (each.id !== id) return [each];
    return version === null ? [] : [{ ...each, version }];
  });
  return { ...state, optimistic };
}
function prune(state) {
  const version = (id) => state.conversations[id]?.version ?? Infinity;
  const optimistic = state.optimistic.filter((each) => each.version === void 0 || version(each.conversation_id) < each.version);
  const outbox = state.outbox.filter((each) => !hasArrived(state, each));
  const isSame = optimistic.length === state.optimistic.length && outbox.length === state.outbox.length;
  return isSame ? state : { ...state, optimistic, outbox };
}
function hasArrived(state, { conversation_id, client_id, message }) {
  const conversation = state.conversations[conversation_id];
  if (message && (!conversation || conversation.version >= message.version)) return true;
  return !!conversation?.messages.some((each) => each.client_id === client_id && each.user_id === state.me?.id);
}

// src/reducer.ts
var emptyState = {
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
  touched: {}
};
function reduce(state, action) {
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
      return prune(withAnswer({ ...state, syncing: false }, action.answer));
    case "cursorLost":
      return { ...state, cursor: null, needs_sync: true };
    case "event":
      return prune(withEvent(state, action.name, action.data, action.at));
    case "page":
      return update(state, action.conversation_id, (known2) => withPage(known2, action, state.me?.id));
    case "extras":
      return update(state, action.conversation_id, (known2) => withExtras(known2, action.messages, action.asked, state.me?.id));
    case "receipts":
      return update(state, action.conversation_id, (known2) => withReceipts(known2, action.receipts));
    case "read":
      return touch(update(state, action.conversation_id, (known2) => movedOwn(known2, action.read_seq, action.read_seq)), action.conversation_id);
    case "stale":
      return { ...state, needs_sync: true };
    case "expired":
      return { ...state, typing: stillTyping(state, action.at) };
    case "letter":
      return { ...state, outbox: put2(state.outbox, action.letter) };
    case "letterGone":
      return { ...state, outbox: state.outbox.filter((each) => each.client_id !== action.client_id) };
    case "optimistic":
      return { ...state, optimistic: [...state.optimistic, action.change] };
    case "answered":
      return prune(answered(state, action.id, action.version));
  }
}
var gaps = (state) => Object.keys(state.conversations).filter((id) => state.conversations[id].held.length > 0);
function withStatus(state, status, error) {
  if (status !== "offline" && status !== "unauthorized") return { ...state, status, error };
  const conversations = mapValues(state.conversations, (each) => each.receipts_stale ? each : { ...each, receipts_stale: true });
  return { ...state, status, error, conversations, typing: {} };
}
function withAnswer(state, answer) {
  const { user } = answer;
  if (user && state.me && user.id !== state.me.id) {
    return { ...emptyState, status: state.status, me: user, needs_sync: true };
  }
  const me = user ?? state.me;
  const conversations = answer.reset ? {} : { ...state.conversations };
  const removed = answer.reset ? {} : { ...state.removed };
  let needs_sync = state.needs_sync;
  for (const id of answer.removed) {
    if (id in state.touched && conversations[id]) needs_sync = true;
    else delete conversations[id];
  }
  let cursor = answer.cursor;
  for (const each of answer.conversations) {
    const id = each.id;
    const known2 = conversations[id];
    const isSummary = each.recovered === void 0;
    if (isSummary && (known2?.version ?? -1) < each.version) {
      [cursor, needs_sync] = [null, true];
    } else if (!known2 && removed[id] !== void 0 && removed[id] >= each.version) {
      continue;
    } else {
      conversations[id] = synced(known2, each, me?.id, id in state.touched);
      delete removed[id];
    }
  }
  return { ...state, me, conversations, removed, cursor, needs_sync };
}
function withEvent(state, name, data, at) {
  const id = data.conversation_id ?? data.id;
  switch (name) {
    case "newConversation":
      return state.conversations[id] ? takeEvent(state, id, name, data) : open(state, id, data);
    case "removedFromConversation":
    case "conversationDeleted":
      return leave(state, id, data.version);
    case "receipt":
      return withReceipt(state, data);
    case "conversationSettings":
      return { ...update(state, id, (known2) => withSettings(known2, data)), needs_sync: state.needs_sync || state.syncing };
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
function takeEvent(state, id, name, data) {
  const known2 = state.conversations[id];
  if (known2) {
    const next = update(state, id, (conversation) => take(conversation, { name, data }, state.me?.id));
    return name === "message" && data.user_id === state.me?.id ? touch(next, id) : next;
  }
  return (state.removed[id] ?? -1) >= data.version ? state : { ...state, needs_sync: true };
}
function open(state, id, data) {
  if ((state.removed[id] ?? -1) >= data.version) return state;
  const { [id]: _, ...removed } = state.removed;
  const needs_sync = state.needs_sync || data.last_seq > 0;
  return touch({ ...state, removed, needs_sync, conversations: { ...state.conversations, [id]: opened(data) } }, id);
}
function leave(state, id, version) {
  const { [id]: known2, ...conversations } = state.conversations;
  if (known2 && known2.version > version) return state;
  return { ...state, conversations, removed: { ...state.removed, [id]: Math.max(state.removed[id] ?? 0, version) } };
}
function withReceipt(state, { conversation_id, user_id, read_seq, delivered_seq }) {
  const next = update(state, conversation_id, (known2) => movePointers(known2, user_id, read_seq, delivered_seq));
  if (user_id !== state.me?.id) return next;
  const last_read_seq = state.conversations[conversation_id]?.about.last_read_seq ?? 0;
  if (read_seq < last_read_seq) return { ...next, needs_sync: true };
  return touch(update(next, conversation_id, (known2) => movedOwn(known2, read_seq, delivered_seq)), conversation_id);
}
function withReceipts(conversation, receipts) {
  let next = conversation;
  for (const each of receipts) next = movePointers(next, each.user_id, each.read_seq, each.delivered_seq);
  return { ...next, receipts_stale: false };
}
function withSettings(conversation, { conversation_id, ...settings }) {
  return { ...conversation, about: { ...conversation.about, ...settings } };
}
function withTyping(state, id, data, at) {
  const { [data.user_id]: known2, ...others } = state.typing[id] ?? {};
  if (!data.is_typing && known2 === void 0) return state;
  const users = data.is_typing ? { ...others, [data.user_id]: at + (data.expires_in ?? 7) * 1e3 } : others;
  return { ...state, typing: { ...state.typing, [id]: users } };
}
function stillTyping(state, at) {
  return mapValues(state.typing, (users) => Object.fromEntries(Object.entries(users).filter(([, until]) => until > at)));
}
function withUser(state, data) {
  const shown2 = { username: data.username, avatar_url: data.avatar_url ?? null };
  const conversations = mapValues(state.conversations, (conversation) => {
    const { participants } = conversation.about;
    const renamed = participants.map((each) => each.id === data.id ? { ...each, ...shown2 } : each);
    const isHere = participants.some((each) => each.id === data.id);
    const next = isHere ? { ...conversation, about: { ...conversation.about, participants: renamed } } : conversation;
    const author = (users) => ({ ...users, ...shown2 });
    return mapMessages(next, (message) => {
      const own = message.user_id === data.id ? { ...message, users: author(message.users) } : message;
      const { quote } = own;
      return quote && quote.user_id === data.id ? { ...own, quote: { ...quote, users: author(quote.users) } } : own;
    });
  });
  const me = state.me?.id === data.id ? { ...state.me, ...shown2 } : state.me;
  return { ...state, me, conversations };
}
function update(state, id, change) {
  const known2 = state.conversations[id];
  const next = known2 && change(known2);
  return next === known2 || !next ? state : { ...state, conversations: { ...state.conversations, [id]: next } };
}
var touch = (state, id) => ({ ...state, touched: { ...state.touched, [id]: true } });
function mapValues(values, change) {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, change(value)]));
}

// src/core.ts
function createCore(options) {
  let state = emptyState;
  const listeners = /* @__PURE__ */ new Set();
  const core = {
    options,
    state: () => state,
    dispatch(action) {
      const next = reduce(state, action);
      if (next === state) return;
      state = next;
      for (const listener of [...listeners]) listener();
    },
    setStatus(status, error = null) {
      if (status !== state.status || error !== state.error) core.dispatch({ type: "status", status, error });
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    report: (error) => options.onError?.(error)
  };
  return core;
}
var sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
var backoff = (tries) => Math.min(3e4, 500 * 2 ** tries) * (0.5 + Math.random() / 2);

// src/errors.ts
var ChatError = class extends Error {
  constructor(problem) {
    super(problem.detail);
    this.problem = problem;
    this.name = "ChatError";
    this.status = problem.status;
    this.code = problem.code;
    this.retryAfter = problem.retry_after;
  }
  problem;
  status;
  code;
  /** Seconds to wait. */
  retryAfter;
};
function noAnswer(detail) {
  return new ChatError({ type: "about:blank", title: "No answer", status: 0, code: "no_answer", detail, request_id: "" });
}
var isFinal = ({ status }) => status >= 400 && status < 500 && status !== 401 && status !== 429;

// src/outbox.ts
function createOutbox(core, connection, saved) {
  const busy = /* @__PURE__ */ new Set();
  const timers = /* @__PURE__ */ new Set();
  const failures = /* @__PURE__ */ new Map();
  let isPaused = false;
  const letter = (clientId) => core.state().outbox.find((each) => each.client_id === clientId);
  const update2 = (changed2) => core.dispatch({ type: "letter", letter: changed2 });
  function later(milliseconds, then) {
    const timer = setTimeout(() => {
      timers.delete(timer);
      then();
    }, milliseconds);
    timers.add(timer);
  }
  function pump() {
    if (!connection.isOpen() || isPaused) return;
    for (const each of core.state().outbox) {
      if (each.status !== "waiting" || busy.has(each.conversation_id)) continue;
      busy.add(each.conversation_id);
      void attempt(each);
    }
  }
  async function attempt(each) {
    const { conversation_id, client_id } = each;
    update2({ ...each, status: "sending", error: null });
    let wait = 0;
    try {
      const answer = await connection.call("sendMessage", { conversation_id, client_id, ...each.draft });
      failures.delete(client_id);
      arrive(each, answer);
    } catch (error) {
      wait = fail(each, error);
    }
    if (wait) later(wait, next);
    else next();
    function next() {
      busy.delete(conversation_id);
      if (wait !== null) pump();
    }
  }
  function arrive(each, answer) {
    if (answer.scheduled) return core.dispatch({ type: "letterGone", client_id: each.client_id });
    if (letter(each.client_id)) update2({ ...each, status: "sent", message: answer });
    core.dispatch({ type: "event", name: "message", data: answer, at: Date.now() });
  }
  function fail(each, error) {
    if (!letter(each.client_id)) return 0;
    if (isFinal(error)) {
      update2({ ...each, status: "failed", error: error.problem });
      return 0;
    }
    update2({ ...each, status: "waiting", error: null });
    if (error.status === 401) connection.reconnect();
    if (!connection.isOpen()) return null;
    const count = failures.get(each.client_id) ?? 0;
    failures.set(each.client_id, count + 1);
    const wait = (error.retryAfter ?? 0) * 1e3 || backoff(count);
    if (!error.retryAfter || error.code === "slow_mode") return wait;
    isPaused = true;
    later(wait, () => {
      isPaused = false;
      pump();
    });
    return 0;
  }
  function send(conversationId, message) {
    const client_id = newId();
    const draft = typeof message === "string" ? { message } : message;
    const at = (/* @__PURE__ */ new Date()).toISOString();
    const fresh = { client_id, conversation_id: conversationId, draft, created_at: at, status: "waiting", error: null, message: null };
    update2(fresh);
    void saved().then(pump);
    return client_id;
  }
  function retry(clientId) {
    const known2 = letter(clientId);
    if (known2?.status !== "failed") return;
    core.dispatch({ type: "letterGone", client_id: clientId });
    update2({ ...known2, status: "waiting", error: null });
    void saved().then(pump);
  }
  return {
    send,
    retry,
    discard(clientId) {
      if (letter(clientId)?.status !== "sending") core.dispatch({ type: "letterGone", client_id: clientId });
    },
    pump,
    stop() {
      timers.forEach(clearTimeout);
      timers.clear();
      busy.clear();
      isPaused = false;
    }
  };
}
function newId() {
  const random = () => Math.random().toString(36).slice(2, 12);
  return globalThis.crypto?.randomUUID?.() ?? `${Date.now().toString(36)}-${random()}-${random()}`;
}

// src/views.ts
function memo(make) {
  let last;
  let value;
  return (...args) => {
    if (!last || args.some((each, index) => each !== last[index])) [last, value] = [args, make(...args)];
    return value;
  };
}
function shownMessages(conversation, outbox, optimistic, me) {
  if (!conversation) return [];
  const here = (each) => each.conversation_id === conversation.about.id;
  const known2 = new Set(conversation.messages.map((message) => message.user_id === me?.id && message.client_id));
  const waiting = outbox.filter((letter) => here(letter) && !known2.has(letter.client_id));
  const changes = optimistic.filter(here);
  return [
    ...conversation.messages.map((message) => shown(changed(message, changes, me?.id))),
    ...waiting.map((letter) => shownLetter(letter, me))
  ];
}
function shownThread(state, conversation_id, root_id) {
  const conversation = state.conversations[conversation_id];
  if (!conversation) return [];
  const extras = Object.values(conversation.extras).sort((a, b) => a.seq - b.seq);
  const all = { ...conversation, messages: [...extras, ...conversation.messages] };
  return shownMessages(all, state.outbox, state.optimistic, state.me).filter((each) => each.thread_id === root_id);
}
function shownConversations(conversations, outbox, optimistic, me, archived = false) {
  return Object.values(conversations).filter((each) => each.about.archived === archived).map((each) => summary(each, outbox, optimistic, me)).sort((a, b) => Number(b.pinned) - Number(a.pinned) || compare(lastActivity(b), lastActivity(a)) || compare(b.id, a.id));
}
var totalUnread = (state) => Object.values(state.conversations).reduce((total, each) => total + each.about.unread_count, 0);
function summary(conversation, outbox, optimistic, me) {
  const newest2 = conversation.messages.slice(-1);
  const last_message = shownMessages({ ...conversation, messages: newest2 }, outbox, optimistic, me).at(-1) ?? null;
  return { ...conversation.about, last_message };
}
var lastActivity = (each) => each.last_message?.created_at ?? each.created_at;
var compare = (a, b) => a < b ? -1 : a > b ? 1 : 0;
var kept = /* @__PURE__ */ new WeakMap();
function shown(message) {
  let made = kept.get(message);
  if (!made) kept.set(message, made = { ...message, key: message.client_id ?? message.id, status: "sent", error: null });
  return made;
}
function shownLetter(letter, me) {
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
    custom: draft.custom ?? {},
    status: letter.status === "failed" ? "failed" : "sending",
    error
  };
}
function changed(message, changes, me) {
  for (const change of changes) {
    if (change.message_id === message.id) message = withChange(message, change, me);
  }
  return message;
}
function withChange(message, { kind, fields, emoji, added }, me = "") {
  if (kind === "edit") return { ...message, ...fields };
  if (kind === "delete") return tombstone(message, (/* @__PURE__ */ new Date()).toISOString(), message.version);
  const known2 = message.reactions.find((each) => each.emoji === emoji);
  if (!!known2?.me === added) return message;
  return react(message, emoji, me, added, (known2?.count ?? 0) + (added ? 1 : -1), me);
}
var current = (state, { conversation_id, id }) => findMessage(state.conversations[conversation_id], id);

// src/changes.ts
function createChanges(core, request) {
  const last = /* @__PURE__ */ new Map();
  async function change(target, what, ask) {
    const id = newId();
    const { conversation_id, id: message_id } = target;
    if (what) core.dispatch({ type: "optimistic", change: { id, conversation_id, message_id, kind: "edit", ...what } });
    const answer = (last.get(message_id) ?? Promise.resolve()).catch(() => {
    }).then(ask);
    last.set(message_id, answer);
    try {
      const { body } = await answer;
      core.dispatch({ type: "event", name: "messageUpdated", data: body, at: Date.now() });
      core.dispatch({ type: "answered", id, version: body.version });
      return body;
    } catch (error) {
      core.dispatch({ type: "answered", id, version: null });
      throw error;
    } finally {
      if (last.get(message_id) === answer) last.delete(message_id);
    }
  }
  return {
    edit(target, edit) {
      const body = typeof edit === "string" ? { message: edit } : edit;
      const { attachments, custom, ...shown2 } = body;
      const fields = { ...shown2, edited_at: (/* @__PURE__ */ new Date()).toISOString() };
      const ask = () => request("PATCH", `/messages/${target.id}`, { body: { ...body, version: current(core.state(), target)?.version } });
      return change(target, { kind: "edit", fields }, ask);
    },
    remove: (target) => change(target, { kind: "delete" }, () => request("DELETE", `/messages/${target.id}`)),
    react(target, emoji, added = true) {
      const path = `/messages/${target.id}/reactions/${encodeURIComponent(emoji)}`;
      return change(target, { kind: "react", emoji, added }, () => request(added ? "PUT" : "DELETE", path));
    },
    pin: (target, pinned = true) => change(target, null, () => request(pinned ? "PUT" : "DELETE", `/messages/${target.id}/pin`))
  };
}

// src/connection.ts
import { io } from "socket.io-client";
var OVERTAKEN = 250;
var SYNC_TIMEOUT = 3e4;
function createConnection(core, opened2, heard) {
  const { url, userId, limit = 50 } = core.options;
  let isWanted = false;
  let isJoined = false;
  let token = null;
  let refused = 0;
  let tries = 0;
  let retry;
  let soon;
  let syncing = null;
  const socket = io(url, {
    reconnectionDelay: 500,
    reconnectionDelayMax: 15e3,
    ...core.options.socket,
    autoConnect: false,
    auth: (give) => void authenticate(give)
  });
  async function renew() {
    const given = core.options.token;
    return token = (typeof given === "function" ? await given() : given) ?? null;
  }
  async function authenticate(give) {
    if (userId && !core.options.token) return give({ id: userId });
    try {
      const fresh = await renew();
      if (!isWanted) return;
      if (fresh) give({ token: fresh });
      else refuse(null);
    } catch (error) {
      core.report(error);
      socket.disconnect();
      again(backoff(tries++));
    }
  }
  function refuse(error) {
    stop();
    core.setStatus("unauthorized", error);
  }
  function again(milliseconds) {
    clearTimeout(retry);
    if (!isWanted) return;
    core.setStatus("offline");
    retry = setTimeout(() => isWanted && socket.connect(), milliseconds);
  }
  function handleRefusal(problem) {
    if (!problem?.status) return again(backoff(tries++));
    const hasFresh = typeof core.options.token === "function" && refused < 3;
    if (problem.status === 401 && hasFresh) return again(refused++ ? backoff(refused) : 0);
    if (problem.status === 401 || isFinal(problem)) return refuse(problem);
    again((problem.retry_after ?? 0) * 1e3 || backoff(tries++));
  }
  socket.on("connect", () => {
    core.setStatus("syncing");
    void sync();
  });
  socket.on("disconnect", () => {
    isJoined = false;
    if (!isWanted) return;
    core.setStatus("offline");
    if (!socket.active) again(backoff(tries++));
  });
  socket.on("connect_error", (error) => {
    if (!isWanted) return;
    if (socket.active) core.setStatus("offline");
    else handleRefusal(error.data);
  });
  socket.on("unauthorized", (problem) => {
    socket.disconnect();
    isJoined = false;
    handleRefusal(problem);
  });
  socket.onAny((name, data) => {
    if (name !== "unauthorized" && data && typeof data === "object") heard(name, data);
    if (core.state().needs_sync || gaps(core.state()).length) syncSoon();
  });
  function syncSoon() {
    soon ??= setTimeout(() => {
      soon = void 0;
      if (isJoined && (core.state().needs_sync || gaps(core.state()).length)) void sync();
    }, OVERTAKEN);
  }
  core.subscribe(() => core.state().needs_sync && isJoined && syncSoon());
  function sync() {
    syncing ??= syncAll().finally(() => {
      syncing = null;
      if (socket.connected && core.state().needs_sync) syncSoon();
    });
    return syncing;
  }
  async function syncAll() {
    const { id } = socket;
    for (let failures = 0; socket.connected && socket.id === id; ) {
      try {
        const before = core.state();
        core.dispatch({ type: "syncAsked" });
        const answer = await call("join", { ...known(before), limit }, SYNC_TIMEOUT);
        if (socket.id !== id) break;
        core.dispatch({ type: "synced", answer });
        if (!isJoined) {
          isJoined = true;
          opened2();
        }
        if (answer.has_more || core.state().needs_sync) continue;
        if (before.cursor && isStuck(before, core.state())) core.dispatch({ type: "cursorLost" });
        else return live();
      } catch (error) {
        if (!(error instanceof ChatError)) core.report(error);
        const problem = error instanceof ChatError ? error.problem : void 0;
        if (problem && (problem.status === 401 || isFinal(problem))) return socket.disconnect(), handleRefusal(problem);
        if (socket.connected) await sleep((problem?.retry_after ?? 0) * 1e3 || backoff(failures++));
      }
    }
    if (socket.connected && isWanted) return syncAll();
  }
  function live() {
    refused = tries = 0;
    core.setStatus("live");
  }
  async function call(event, data, timeout = 1e4) {
    if (!socket.connected) throw noAnswer("There is no connection.");
    const answer = await socket.timeout(timeout).emitWithAck(event, data).catch((error) => {
      throw noAnswer(error.message);
    });
    if (answer?.error) throw new ChatError(answer.error);
    return answer;
  }
  function start() {
    isWanted = true;
    refused = 0;
    core.setStatus("connecting");
    socket.connect();
  }
  function stop() {
    isWanted = isJoined = false;
    clearTimeout(retry);
    clearTimeout(soon);
    soon = void 0;
    socket.disconnect();
  }
  return {
    id: () => isJoined ? socket.id : void 0,
    isOpen: () => isJoined && socket.connected,
    token: () => token,
    renew,
    call,
    emit: (event, data) => void (isJoined && socket.emit(event, data)),
    start,
    stop,
    reconnect() {
      socket.disconnect();
      handleRefusal({ status: 401 });
    },
    socket
  };
}
function known({ cursor, conversations }) {
  if (cursor) return { cursor };
  const since = Object.entries(conversations).slice(0, 1e4).map(([id, each]) => [id, each.version]);
  return { since: Object.fromEntries(since) };
}
var isStuck = (before, after) => gaps(before).some((id) => gaps(after).includes(id) && after.conversations[id].version === before.conversations[id].version);

// src/http.ts
var TIMEOUT = 3e4;
var UPLOAD_TIMEOUT = 6e5;
var MOST_TRIES = 4;
var LONGEST_WAIT = 30;
function createRequest(core, connection) {
  const { url, userId, token } = core.options;
  const isOpen = !!userId && !token;
  return async function request(method, path, { body, query, form } = {}) {
    let renewed = false;
    const inBody = isOpen && method !== "GET" && method !== "DELETE" && !form;
    const inQuery = isOpen && !inBody && !form;
    if (isOpen && form) form.set("user_id", userId);
    const target = url.replace(/\/$/, "") + path + queryText(inQuery ? { user_id: userId, ...query } : query);
    for (let tries = 1; ; tries++) {
      const bearer = isOpen ? null : connection.token() ?? await connection.renew();
      const response = await answerTo(target, {
        method,
        headers: {
          ...bearer && { Authorization: `Bearer ${bearer}` },
          ...connection.id() && { "X-Socket-ID": connection.id() },
          ...(body || inBody && !form) && { "Content-Type": "application/json" }
        },
        body: form ?? (body || inBody ? JSON.stringify(inBody ? { user_id: userId, ...body } : body) : void 0)
      });
      if (response.ok) return { body: await bodyOf(response), headers: response.headers };
      const error = new ChatError(await problemOf(response));
      if (error.status === 401 && typeof token === "function" && !renewed) {
        renewed = !!await connection.renew();
        if (renewed) continue;
      }
      const wait = error.retryAfter ?? Infinity;
      const mayRepeat = method !== "POST" || error.status === 429;
      if (!mayRepeat || ![429, 503].includes(error.status) || wait > LONGEST_WAIT || tries === MOST_TRIES) throw error;
      await sleep(wait * 1e3);
    }
  };
}
async function answerTo(target, options) {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), options.body instanceof FormData ? UPLOAD_TIMEOUT : TIMEOUT);
  try {
    return await fetch(target, { ...options, signal: controller.signal });
  } catch (error) {
    throw noAnswer(String(error));
  } finally {
    clearTimeout(timer);
  }
}
async function bodyOf(response) {
  const text = await response.text();
  return text ? JSON.parse(text) : null;
}
async function problemOf(response) {
  const { status, statusText } = response;
  const problem = await response.json().catch(() => null);
  const retry_after = Number(response.headers.get("Retry-After")) || problem?.retry_after || (status === 503 ? 1 : void 0);
  const unknown = { type: "about:blank", title: statusText, status, code: "unknown", detail: statusText, request_id: "" };
  return { ...unknown, ...problem, ...retry_after && { retry_after } };
}
function queryText(query = {}) {
  const pairs = Object.entries(query).filter(([, value]) => value !== void 0);
  const text = pairs.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join("&");
  return text && `?${text}`;
}

// src/pages.ts
var MOST_TRIES2 = 3;
function createPages(core, request) {
  const loading = /* @__PURE__ */ new Map();
  const open2 = /* @__PURE__ */ new Map();
  const asking = /* @__PURE__ */ new Set();
  const known2 = (id) => core.state().conversations[id];
  async function loadPage(conversation_id, limit) {
    for (let tries = 0; tries < MOST_TRIES2; tries++) {
      const before = known2(conversation_id);
      if (!before?.has_older) return false;
      const query = { before_seq: before.first_seq, limit };
      const { body, headers } = await request("GET", `/conversations/${conversation_id}/messages`, { query });
      const said = headers.get("X-Has-More-Before");
      const has_older = said ? said === "true" : body.length >= limit;
      core.dispatch({ type: "page", conversation_id, messages: body, has_older, before_seq: before.first_seq, asked: before.version });
      if (known2(conversation_id)?.messages !== before.messages) return !!known2(conversation_id)?.has_older;
      if (!body.length) return false;
    }
    return true;
  }
  async function loadReceipts(conversation_id) {
    if (asking.has(conversation_id)) return;
    asking.add(conversation_id);
    try {
      const { body } = await request("GET", `/conversations/${conversation_id}/receipts`);
      core.dispatch({ type: "receipts", conversation_id, receipts: body });
    } catch (error) {
      core.report(error);
    } finally {
      setTimeout(() => {
        asking.delete(conversation_id);
        pages.refresh();
      }, 1e3);
    }
  }
  const pages = {
    loadOlder(conversationId, limit = 50) {
      const underWay = loading.get(conversationId);
      if (underWay) return underWay;
      const page = loadPage(conversationId, limit).finally(() => loading.delete(conversationId));
      loading.set(conversationId, page);
      return page;
    },
    async loadThread({ id, conversation_id }, beforeSeq, limit = 50) {
      for (let tries = 0; tries < MOST_TRIES2; tries++) {
        const asked = known2(conversation_id)?.version ?? 0;
        const { body, headers } = await request("GET", `/messages/${id}/thread`, { query: { before_seq: beforeSeq, limit } });
        core.dispatch({ type: "extras", conversation_id, messages: body, asked });
        const said = headers.get("X-Has-More-Before");
        if ((known2(conversation_id)?.changed_below ?? 0) <= asked) return said ? said === "true" : body.length >= limit;
      }
      return true;
    },
    open(conversationId) {
      open2.set(conversationId, (open2.get(conversationId) ?? 0) + 1);
      pages.refresh();
      return () => {
        const count = open2.get(conversationId) - 1;
        if (count) open2.set(conversationId, count);
        else open2.delete(conversationId);
      };
    },
    refresh() {
      if (core.state().status !== "live") return;
      for (const id of open2.keys()) {
        if (known2(id)?.receipts_stale) void loadReceipts(id);
        if (known2(id)?.has_older && !known2(id).messages.length) pages.loadOlder(id).catch(core.report);
      }
    }
  };
  core.subscribe(pages.refresh);
  return pages;
}

// src/persistence.ts
var SAVE_AFTER = 300;
var MOST_MESSAGES = 100;
function createPersistence(core) {
  const { store, userId, url } = core.options;
  if (!store) return { restore: async () => {
  }, save: async () => {
  }, clear: async () => {
  } };
  let saved = core.state();
  let timer;
  let last = Promise.resolve();
  let isRestored = false;
  async function write() {
    const state = core.state();
    if (state === saved) return;
    const isMine = await store.isMine?.() ?? true;
    const changes = { ...changedLetters(saved, state), ...isMine && changedState(saved, state, url) };
    if (Object.keys(changes).length) await store.save(changes);
    saved = state;
  }
  function save() {
    clearTimeout(timer);
    timer = void 0;
    return last = last.then(write).catch(core.report);
  }
  core.subscribe(() => {
    if (isRestored) timer ??= setTimeout(save, SAVE_AFTER);
  });
  return {
    async restore() {
      try {
        const kept2 = await store.load();
        if (kept2.url === void 0 || kept2.url === url && (!userId || kept2.me?.id === userId)) {
          core.dispatch({ type: "restored", state: restored(kept2) });
          saved = core.state();
        } else await store.clear();
      } catch (error) {
        core.report(error);
      }
      isRestored = true;
    },
    save,
    async clear() {
      clearTimeout(timer);
      timer = void 0;
      isRestored = false;
      await last;
      await store.clear();
      saved = core.state();
    }
  };
}
function restored(kept2) {
  const named = (prefix) => Object.entries(kept2).filter(([key]) => key.startsWith(prefix));
  const conversations = named("conversation:").map(([key, value]) => [key.slice(13), value]);
  const letters = named("letter:").map(([, value]) => value);
  return {
    me: kept2.me ?? null,
    cursor: kept2.cursor ?? null,
    removed: kept2.removed ?? {},
    conversations: Object.fromEntries(conversations),
    outbox: letters.sort((a, b) => a.created_at < b.created_at ? -1 : 1).map(unsent)
  };
}
var unsent = (letter) => letter.status === "failed" ? letter : { ...letter, status: "waiting" };
function changedLetters(before, after) {
  if (before.outbox === after.outbox) return {};
  const isKept = (each) => each.status !== "sent";
  const gone = before.outbox.map((each) => [`letter:${each.client_id}`, void 0]);
  const kept2 = after.outbox.filter(isKept).map((each) => [`letter:${each.client_id}`, each]);
  return { ...Object.fromEntries(gone), ...Object.fromEntries(kept2) };
}
function changedState(before, after, url) {
  const changes = {};
  for (const id of /* @__PURE__ */ new Set([...Object.keys(before.conversations), ...Object.keys(after.conversations)])) {
    const conversation = after.conversations[id];
    if (before.conversations[id] !== conversation) changes[`conversation:${id}`] = conversation && newest(conversation);
  }
  for (const name of ["me", "cursor", "removed"]) {
    if (before[name] !== after[name]) changes[name] = after[name];
  }
  if (Object.keys(changes).length) changes.url = url;
  return changes;
}
function newest(conversation) {
  const messages = conversation.messages.slice(-MOST_MESSAGES);
  const isCut = messages.length < conversation.messages.length;
  const first_seq = isCut ? messages[0].seq : conversation.first_seq;
  return { ...conversation, messages, first_seq, has_older: isCut || conversation.has_older, extras: {}, held: [], receipts_stale: true };
}

// src/signals.ts
var READ_AFTER = 400;
var TYPING_EVERY = 3e3;
function createSignals(core, connection) {
  const moved = /* @__PURE__ */ new Map();
  const typed = /* @__PURE__ */ new Map();
  const watched = /* @__PURE__ */ new Map();
  let flushing;
  let watching;
  let expiring;
  let isFlushing = false;
  function move(conversationId, pointer, seq) {
    const known2 = moved.get(conversationId);
    moved.set(conversationId, { ...known2, [pointer]: Math.max(known2?.[pointer] ?? 0, seq) });
    flushing ??= setTimeout(flush, READ_AFTER);
  }
  async function flush() {
    flushing = void 0;
    if (isFlushing) return;
    isFlushing = true;
    for (const [conversation_id, pointers] of moved) {
      if (!connection.isOpen()) break;
      moved.delete(conversation_id);
      try {
        const data = await connection.call("receipt", { conversation_id, ...pointers });
        core.dispatch({ type: "event", name: "receipt", data, at: Date.now() });
      } catch (error) {
        if (isFinal(error)) continue;
        moved.set(conversation_id, { ...pointers, ...moved.get(conversation_id) });
        if (connection.isOpen()) flushing ??= setTimeout(flush, (error.retryAfter ?? 0) * 1e3 || backoff(2));
        break;
      }
    }
    isFlushing = false;
  }
  function watch() {
    watching = void 0;
    if (!connection.isOpen()) return;
    const user_ids = [...watched.keys()].slice(0, 200);
    connection.call("watchPresence", { user_ids }).then(({ presence }) => {
      for (const data of presence) core.dispatch({ type: "event", name: "presence", data, at: Date.now() });
    }, core.report);
  }
  const count = (userIds, by) => {
    for (const id of userIds) {
      const next = (watched.get(id) ?? 0) + by;
      if (next > 0) watched.set(id, next);
      else watched.delete(id);
    }
    watching ??= setTimeout(watch, 50);
  };
  core.subscribe(() => {
    if (expiring) return;
    const ends = Object.values(core.state().typing).flatMap((users) => Object.values(users));
    if (!ends.length) return;
    const expire = () => {
      expiring = void 0;
      core.dispatch({ type: "expired", at: Date.now() });
    };
    expiring = setTimeout(expire, Math.max(50, Math.min(...ends) - Date.now()));
  });
  return {
    markRead(conversationId, seq) {
      const known2 = core.state().conversations[conversationId];
      const read_seq = Math.min(seq ?? Infinity, known2?.about.last_seq ?? 0);
      if (!known2 || read_seq <= known2.about.last_read_seq) return;
      core.dispatch({ type: "read", conversation_id: conversationId, read_seq });
      move(conversationId, "read_seq", read_seq);
    },
    markDelivered(conversationId) {
      const about2 = core.state().conversations[conversationId]?.about;
      if (about2 && about2.last_seq > about2.last_delivered_seq) move(conversationId, "delivered_seq", about2.last_seq);
    },
    typing(conversationId, isTyping = true) {
      const last = typed.get(conversationId) ?? 0;
      if (isTyping ? Date.now() - last < TYPING_EVERY : !last) return;
      if (isTyping) typed.set(conversationId, Date.now());
      else typed.delete(conversationId);
      connection.emit("typing", { conversation_id: conversationId, is_typing: isTyping });
    },
    watchPresence(userIds) {
      count(userIds, 1);
      return () => count(userIds, -1);
    },
    opened() {
      typed.clear();
      if (watched.size) watch();
      if (moved.size) void flush();
    },
    stop() {
      [flushing, watching, expiring].forEach(clearTimeout);
      flushing = watching = expiring = void 0;
      moved.clear();
      typed.clear();
    }
  };
}

// src/chat.ts
function createChat(given) {
  const options = { ...given };
  const core = createCore(options);
  const handlers = /* @__PURE__ */ new Map();
  const persistence = createPersistence(core);
  const connection = createConnection(core, opened2, heard);
  const request = createRequest(core, connection);
  const outbox = createOutbox(core, connection, persistence.save);
  const signals = createSignals(core, connection);
  const pages = createPages(core, request);
  let restored2 = persistence.restore();
  function opened2() {
    signals.opened();
    outbox.pump();
  }
  function event(name, data) {
    core.dispatch({ type: "event", name, data, at: Date.now() });
  }
  function heard(name, data) {
    event(name, data);
    if (name === "message" && options.delivered !== false) signals.markDelivered(data.conversation_id);
    handlers.get(name)?.forEach((handler) => handler(data));
  }
  let status = core.state().status;
  core.subscribe(() => {
    const isLive = core.state().status === "live" && status !== "live";
    status = core.state().status;
    if (isLive && options.delivered !== false) Object.keys(core.state().conversations).forEach(signals.markDelivered);
  });
  const path = (id, rest = "") => `/conversations/${id}${rest}`;
  const member = (id, userId) => path(id, `/participants/${userId}`);
  const view = {
    active: memo(shownConversations),
    archived: memo((...of) => shownConversations(of[0], of[1], of[2], of[3], true)),
    messages: keyed(
      (state, id) => [state.conversations[id], state.outbox, state.optimistic, state.me],
      (_, id, ...of) => shownMessages(...of)
    ),
    thread: keyed(
      (state, key) => [state.conversations[key.split(" ")[0]], state.outbox, state.optimistic, state.me],
      (state, key) => shownThread(state, ...key.split(" "))
    ),
    typing: keyed(
      (state, id) => [state.typing[id], state.me],
      (state, id) => Object.keys(state.typing[id] ?? {}).filter((user) => user !== state.me?.id)
    )
  };
  function keyed(parts, make) {
    const kept2 = /* @__PURE__ */ new Map();
    return (key) => {
      const [state, known2] = [core.state(), kept2.get(key)];
      const now = parts(state, key);
      if (known2 && now.every((each, index) => each === known2.parts[index])) return known2.value;
      const value = make(state, key, ...now);
      kept2.set(key, { parts: now, value });
      return value;
    };
  }
  async function opens(where, body) {
    const { body: conversation } = await request("POST", where, { body });
    event("newConversation", { conversation_id: conversation.id, ...conversation });
    return conversation;
  }
  async function settle(...asked) {
    await request(...asked);
    core.dispatch({ type: "stale" });
  }
  async function patch(conversation_id, where, changes, name) {
    const { body } = await request("PATCH", where, { body: changes });
    event(name, { ...body, conversation_id });
  }
  async function goes(id, name, where) {
    await request("DELETE", where);
    const version = (core.state().conversations[id]?.version ?? 0) + 1;
    event(name, { conversation_id: id, version });
  }
  const chat = {
    ...createChanges(core, request),
    socket: connection.socket,
    save: persistence.save,
    state: core.state,
    subscribe: core.subscribe,
    on(name, handler) {
      const known2 = handlers.get(name) ?? /* @__PURE__ */ new Set();
      handlers.set(name, known2.add(handler));
      return () => void known2.delete(handler);
    },
    connect(token) {
      if (token !== void 0) options.token = token;
      void restored2.then(connection.start);
    },
    disconnect() {
      connection.stop();
      core.setStatus("offline");
    },
    async signOut() {
      connection.stop();
      outbox.stop();
      signals.stop();
      core.dispatch({ type: "signedOut" });
      await persistence.clear();
      restored2 = persistence.restore();
    },
    conversations({ archived } = {}) {
      const { conversations, outbox: outbox2, optimistic, me } = core.state();
      return (archived ? view.archived : view.active)(conversations, outbox2, optimistic, me);
    },
    messages: view.messages,
    thread: (conversationId, rootId) => view.thread(`${conversationId} ${rootId}`),
    unread: (id) => id ? core.state().conversations[id]?.about.unread_count ?? 0 : totalUnread(core.state()),
    whoIsTyping: view.typing,
    send(conversationId, message) {
      signals.typing(conversationId, false);
      return outbox.send(conversationId, message);
    },
    retry: outbox.retry,
    discard: outbox.discard,
    markRead: signals.markRead,
    typing: signals.typing,
    watchPresence: signals.watchPresence,
    loadOlder: pages.loadOlder,
    loadThread: pages.loadThread,
    open: pages.open,
    request,
    createConversation: (name, ids) => opens("/conversations/create", { group_name: name, participant_ids: ids, owner_id: options.userId }),
    openDirect: (other) => opens("/conversations/direct", { other_user_id: other }),
    updateConversation: (id, changes) => patch(id, path(id), changes, "conversationUpdated"),
    updateSettings: (id, settings) => patch(id, path(id, "/settings"), settings, "conversationSettings"),
    markUnread: (id, fromSeq) => settle("PUT", path(id, "/receipts"), { body: { unread_from: fromSeq } }),
    addMembers: (id, ids) => settle("POST", path(id, "/participants"), { body: { participant_ids: ids } }),
    removeMember: (id, userId) => settle("DELETE", member(id, userId)),
    setRole: (id, userId, role) => settle("PATCH", member(id, userId), { body: { role } }),
    acceptInvite: (code) => opens(`/invites/${encodeURIComponent(code)}`, {}),
    leave: (id) => goes(id, "removedFromConversation", member(id, core.state().me?.id)),
    deleteConversation: (id) => goes(id, "conversationDeleted", path(id)),
    async upload(file, name) {
      const form = new FormData();
      form.append("file", file, name);
      if (name) form.append("name", name);
      return (await request("POST", "/attachments", { form })).body;
    }
  };
  if (options.connect !== false) chat.connect();
  return chat;
}

// src/stores.ts
function memoryStore() {
  const kept2 = /* @__PURE__ */ new Map();
  return {
    load: async () => Object.fromEntries([...kept2].map(([key, value]) => [key, JSON.parse(value)])),
    async save(changes) {
      for (const [key, value] of Object.entries(changes)) {
        if (value === void 0) kept2.delete(key);
        else kept2.set(key, JSON.stringify(value));
      }
    },
    clear: async () => kept2.clear()
  };
}
function indexedDbStore(name) {
  let opened2;
  const open2 = () => opened2 ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => request.result.createObjectStore("kept");
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  async function run(mode, work) {
    const transaction = (await open2()).transaction("kept", mode);
    const value = work(transaction.objectStore("kept"));
    return new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve(value());
      transaction.onerror = transaction.onabort = () => reject(transaction.error);
    });
  }
  let mine;
  return {
    load: () => run("readonly", (kept2) => {
      const [keys, values] = [kept2.getAllKeys(), kept2.getAll()];
      return () => Object.fromEntries(keys.result.map((key, index) => [String(key), values.result[index]]));
    }),
    save: (changes) => run("readwrite", (kept2) => {
      for (const [key, value] of Object.entries(changes)) {
        if (value === void 0) kept2.delete(key);
        else kept2.put(value, key);
      }
      return () => void 0;
    }),
    clear: () => run("readwrite", (kept2) => {
      kept2.clear();
      return () => void 0;
    }),
    isMine: () => mine ??= lock(`chat:${name}`)
  };
}
function lock(name) {
  const locks = globalThis.navigator?.locks;
  if (!locks) return Promise.resolve(true);
  return new Promise((resolve) => {
    void locks.request(name, { ifAvailable: true }, (held) => {
      resolve(held !== null);
      return held && new Promise(() => {
      });
    });
  });
}
function asyncStorageStore(storage, name) {
  const prefix = `${name}/`;
  const keys = async () => (await storage.getAllKeys()).filter((key) => key.startsWith(prefix));
  return {
    async load() {
      const pairs = await storage.multiGet(await keys());
      return Object.fromEntries(pairs.map(([key, value]) => [key.slice(prefix.length), JSON.parse(value ?? "null")]));
    },
    async save(changes) {
      const entries = Object.entries(changes);
      const set = entries.filter(([, value]) => value !== void 0);
      const pairs = (isCursor) => set.filter(([key]) => key === "cursor" === isCursor).map(([key, value]) => [prefix + key, JSON.stringify(value)]);
      const gone = entries.filter(([, value]) => value === void 0).map(([key]) => prefix + key);
      if (pairs(false).length) await storage.multiSet(pairs(false));
      if (gone.length) await storage.multiRemove(gone);
      if (pairs(true).length) await storage.multiSet(pairs(true));
    },
    async clear() {
      await storage.multiRemove(await keys());
    }
  };
}
export {
  ChatError,
  asyncStorageStore,
  createChat,
  emptyState,
  gaps,
  indexedDbStore,
  memoryStore,
  reduce,
  shownConversations,
  shownMessages
};
