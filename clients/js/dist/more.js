// src/object.ts
var { assign, entries, fromEntries, keys, values } = Object;

// src/reducer.ts
var edit = (state, id, change) => {
  const known = state.conversations[id];
  if (!known) return;
  const copy = { ...known, about: { ...known.about } };
  change(copy);
  if (isSame(copy.about, known.about)) copy.about = known.about;
  if (!isSame(copy, known)) state.conversations = { ...state.conversations, [id]: copy };
};
var isSame = (a, b) => keys(a).every((key) => a[key] === b[key]);

// src/core.ts
var createTimer = () => {
  let timer;
  return {
    b(then, milliseconds) {
      timer ??= setTimeout(() => {
        timer = void 0;
        then();
      }, milliseconds);
    },
    k() {
      clearTimeout(timer);
      timer = void 0;
    }
  };
};

// src/receipts.ts
var { max } = Math;
var movePointers = (conversation, userId, read, delivered = read) => {
  const { read_seq = 0, delivered_seq = 0 } = conversation.receipts?.[userId] ?? {};
  const moved = { read_seq: max(read_seq, read), delivered_seq: max(delivered_seq, delivered, read) };
  conversation.receipts = { ...conversation.receipts, [userId]: moved };
};
var takeMembers = (conversation, before) => {
  const { participants, member_count } = conversation.about;
  const [known, here] = [before, participants].map((list) => new Set(list.map((each2) => each2.id)));
  if (participants.some((each2) => !known.has(each2.id))) conversation.receipts_fresh = false;
  if (member_count > participants.length) return;
  conversation.receipts = fromEntries(entries(conversation.receipts ?? {}).filter(([id]) => here.has(id)));
};
var createScreens = ({ state, subscribe, dispatch, request, loadOlder }, report) => {
  const screens = /* @__PURE__ */ new Set();
  const asking = /* @__PURE__ */ new Set();
  const loadReceipts = async (id) => {
    if (asking.has(id)) return;
    asking.add(id);
    try {
      const { body } = await request("GET", `/conversations/${id}/receipts`);
      const known = state().conversations[id];
      const next = { ...known, receipts_fresh: true };
      for (const { user_id, read_seq, delivered_seq } of body) movePointers(next, user_id, read_seq, delivered_seq);
      if (known) dispatch({ type: "set", state: { conversations: { ...state().conversations, [id]: next } } });
    } catch (error) {
      report(error);
    }
    setTimeout(() => {
      asking.delete(id);
      refresh();
    }, 1e3 /* receipts */);
  };
  const refresh = () => {
    if (state().status !== "live") return;
    for (const { id } of screens) {
      const known = state().conversations[id];
      if (known && !known.receipts_fresh) void loadReceipts(id);
      if (known?.has_older && !known.messages.length) loadOlder(id).catch(report);
    }
  };
  subscribe(refresh);
  return (id) => {
    const screen = { id };
    screens.add(screen);
    refresh();
    return () => void screens.delete(screen);
  };
};
var reportDelivered = ({ state, subscribe, dispatch, socket }) => {
  const timer = createTimer();
  let seen = state().conversations;
  let isLive = false;
  const waiting = /* @__PURE__ */ new Set();
  const flush = async () => {
    for (const id of waiting) {
      const { last_seq = 0, last_delivered_seq = 0 } = state().conversations[id]?.about ?? {};
      if (state().status !== "live") return;
      waiting.delete(id);
      if (last_seq <= last_delivered_seq) continue;
      const data = await socket.timeout(1e4).emitWithAck("receipt", { conversation_id: id, delivered_seq: last_seq }).catch(() => ({ error: {} }));
      if (!data.error) dispatch({ type: "event", name: "receipt", data, at: Date.now() });
      else if (!(data.error.status >= 400 && data.error.status < 500) || data.error.status === 429) {
        waiting.add(id);
        return timer.b(flush, (data.error.retry_after ?? 0) * 1e3 || 5e3 /* again */);
      }
    }
  };
  subscribe(() => {
    const { status, conversations } = state();
    const hasBegun = status === "live" && !isLive;
    isLive = status === "live";
    for (const id in conversations) {
      const isNew = hasBegun || conversations[id] !== seen[id];
      if (isLive && isNew && conversations[id].about.last_seq > conversations[id].about.last_delivered_seq) waiting.add(id);
    }
    if (isLive) seen = conversations;
    if (waiting.size) timer.b(flush, 400 /* delivered */);
  });
};

// src/follow.ts
var follow = (state, action, before) => {
  if (action.type === "event") takeEvent(state, action.name, action.data, action.at);
  if (action.type === "synced") takeAnswer(state, action);
  const status = action.type === "set" && action.state.status;
  if (status === "syncing") each(state, (conversation) => conversation.receipts_fresh = false);
  if (status === "offline") state.typing = {};
  if (state.conversations === before.conversations) return;
  for (const id in state.conversations) {
    const known = before.conversations[id];
    if (state.conversations[id] !== known) edit(state, id, (conversation) => compare(conversation, known));
  }
};
function takeEvent(state, name, data, at) {
  const { conversation_id: id, user_id, read_seq, delivered_seq = read_seq } = data;
  switch (name) {
    case "message":
      return takeTyping(state, id, user_id, 0);
    case "typing":
      return takeTyping(state, id, user_id, data.is_typing ? at + (data.expires_in ?? 7) * 1e3 : 0);
    case "presence":
      state.presence = { ...state.presence, [user_id]: { online: data.online, last_seen_at: data.last_seen_at } };
      return;
    case "userUpdated":
      return takeProfile(state, data);
    case "receipt":
      edit(state, id, (conversation) => {
        movePointers(conversation, user_id, read_seq, delivered_seq);
        if (user_id === state.me?.id) moveDelivered(conversation, delivered_seq);
      });
  }
}
function takeAnswer(state, { answer }) {
  for (const { id, recovered, last_delivered_seq } of answer.conversations) {
    edit(state, id, (conversation) => {
      if (recovered === false) conversation.receipts_fresh = false;
      moveDelivered(conversation, last_delivered_seq ?? 0);
    });
  }
}
var moveDelivered = ({ about }, seq) => {
  about.last_delivered_seq = Math.max(about.last_delivered_seq, Math.min(seq, about.last_seq));
};
function takeTyping(state, id, userId, until) {
  const { [userId]: known, ...others } = state.typing[id] ?? {};
  if (until || known) state.typing = { ...state.typing, [id]: until ? { ...others, [userId]: until } : others };
}
function takeProfile(state, { id, username, avatar_url = null }) {
  const renamed = (person) => person?.id === id ? { ...person, username, avatar_url } : person;
  state.me = renamed(state.me);
  each(state, (conversation) => {
    conversation.about.participants = conversation.about.participants.map(renamed);
    conversation.messages = conversation.messages.map((message) => {
      const [users, quoted] = [renamed(message.users), renamed(message.quote?.users)];
      if (users === message.users && quoted === message.quote?.users) return message;
      return { ...message, users, quote: message.quote && { ...message.quote, users: quoted } };
    });
  });
}
function compare(conversation, before) {
  const { about } = conversation;
  const last = before?.about.last_seq ?? 0;
  conversation.receipts ??= {};
  if (about.participants !== before?.about.participants) takeMembers(conversation, before?.about.participants ?? []);
  for (const { seq, type, user_id } of conversation.messages) {
    if (seq > last && type !== "system") movePointers(conversation, user_id, seq);
  }
  if (before && about.oldest_seq > before.about.oldest_seq) sweep(conversation, before);
}
function sweep(conversation, before) {
  const { oldest_seq } = conversation.about;
  const swept = before.messages.filter((each2) => each2.seq < oldest_seq).map((each2) => each2.id);
  conversation.messages = conversation.messages.map((each2) => each2.quote && each2.quote.seq < oldest_seq ? { ...each2, reply_to: null, quote: null } : each2).map((each2) => swept.includes(each2.thread_id) ? { ...each2, thread_id: null } : each2);
}
function each(state, change) {
  const changed = entries(state.conversations).map(([id, known]) => {
    const copy = { ...known, about: { ...known.about } };
    change(copy);
    return [id, copy];
  });
  state.conversations = fromEntries(changed);
}

// src/views.ts
var memo = (parts, make) => {
  const kept = /* @__PURE__ */ new Map();
  return (key) => {
    const now = parts(key);
    let known = kept.get(key);
    if (!known?.[0].every((each2, index) => each2 === now[index])) kept.set(key, known = [now, make(key)]);
    return known[1];
  };
};

// src/more.ts
var MOST_TRIES = 3;
var MOST_WATCHED = 200;
var READ_PAUSE = 500;
var OWN = ["unread_count", "last_read_seq", "last_delivered_seq", "pinned", "archived", "muted_until", "notifications"];
function more(chat, options = {}) {
  return "whoIsTyping" in chat ? chat : Object.assign(chat, createMore(chat, options));
}
function createMore(chat, { delivered = true, onError = () => {
} }) {
  const { request, state, dispatch, subscribe, socket } = chat;
  chat.rules.add(follow);
  if (delivered) reportDelivered(chat);
  forgetTyping(chat);
  const event = (name, data) => dispatch({ type: "event", name, data, at: Date.now() });
  const path = (id, rest = "") => `/conversations/${id}${rest}`;
  const member = (id, userId) => path(id, `/participants/${userId}`);
  async function opens(where, body) {
    const { body: conversation } = await request("POST", where, { body });
    event("newConversation", { ...shared(conversation), conversation_id: conversation.id });
    return conversation;
  }
  async function settle(...asked) {
    await request(...asked);
    dispatch({ type: "set", state: { needs_sync: true } });
  }
  async function patch(conversation_id, where, changes, name) {
    const { body } = await request("PATCH", where, { body: changes });
    event(name, { ...name === "conversationSettings" ? body : shared(body), conversation_id });
  }
  async function goes(id, name, where) {
    await request("DELETE", where);
    const version = (state().conversations[id]?.version ?? 0) + 1;
    event(name, { conversation_id: id, version });
  }
  return {
    open: createScreens(chat, onError),
    unread: (id) => values(state().conversations).reduce((total, { about }) => total + (id && about.id !== id ? 0 : about.unread_count), 0),
    whoIsTyping: memo(
      (id) => [state().typing[id], state().me],
      (id) => keys(state().typing[id] ?? {}).filter((user) => user !== state().me?.id)
    ),
    watchPresence: createPresence(),
    async loadThread({ id, conversation_id }, before_seq, limit = 50) {
      for (let tries = 0; tries < MOST_TRIES; tries++) {
        const asked = state().conversations[conversation_id]?.version ?? 0;
        const { body: messages, headers } = await request("GET", `/messages/${id}/thread`, { query: { before_seq, limit } });
        dispatch({ type: "page", conversation_id, messages, asked });
        if ((state().conversations[conversation_id]?.changed_below ?? 0) <= asked) {
          const said = headers.get("X-Has-More-Before");
          return said ? said === "true" : messages.length >= limit;
        }
      }
      return true;
    },
    async pin({ id }, pinned = true) {
      const { body } = await request(pinned ? "PUT" : "DELETE", `/messages/${id}/pin`);
      event("messageUpdated", body);
      return body;
    },
    async upload(file, name) {
      const form = new FormData();
      form.append("file", file, name);
      if (name) form.append("name", name);
      if (chat.userId) form.append("user_id", chat.userId);
      return (await request("POST", "/attachments", { form })).body;
    },
    createConversation: (group_name, participant_ids) => opens("/conversations/create", { group_name, participant_ids, owner_id: chat.userId ?? state().me?.id }),
    openDirect: (other_user_id) => opens("/conversations/direct", { other_user_id }),
    acceptInvite: (code) => opens(`/invites/${encodeURIComponent(code)}`, {}),
    join: (id) => opens(path(id, "/join"), {}),
    updateConversation: (id, changes) => patch(id, path(id), changes, "conversationUpdated"),
    updateSettings: (id, settings) => patch(id, path(id, "/settings"), settings, "conversationSettings"),
    async markUnread(id, unread_from) {
      await new Promise((resume) => setTimeout(resume, READ_PAUSE));
      await settle("PUT", path(id, "/receipts"), { body: { unread_from } });
    },
    addMembers: (id, participant_ids) => settle("POST", path(id, "/participants"), { body: { participant_ids } }),
    removeMember: (id, userId) => settle("DELETE", member(id, userId)),
    setRole: (id, userId, role) => settle("PATCH", member(id, userId), { body: { role } }),
    leave: (id) => goes(id, "removedFromConversation", member(id, chat.userId ?? state().me?.id)),
    deleteConversation: (id) => goes(id, "conversationDeleted", path(id))
  };
  function createPresence() {
    const watched = /* @__PURE__ */ new Map();
    let soon;
    let wasLive = false;
    async function watch() {
      soon = void 0;
      if (!wasLive) return;
      const user_ids = [...watched.keys()].slice(0, MOST_WATCHED);
      const answer = await socket.timeout(1e4).emitWithAck("watchPresence", { user_ids }).catch(() => ({}));
      for (const each2 of answer.presence ?? []) event("presence", each2);
    }
    function count(userIds, by) {
      for (const id of userIds) {
        const next = (watched.get(id) ?? 0) + by;
        if (next > 0) watched.set(id, next);
        else watched.delete(id);
      }
      soon ??= setTimeout(watch, 50);
    }
    subscribe(() => {
      const isLive = state().status === "live";
      const hasBegun = isLive && !wasLive;
      wasLive = isLive;
      if (hasBegun && watched.size) void watch();
    });
    wasLive = state().status === "live";
    return (userIds) => {
      count(userIds, 1);
      return () => count(userIds, -1);
    };
  }
}
var shared = (conversation) => fromEntries(entries(conversation).filter(([name]) => !OWN.includes(name)));
function forgetTyping({ state, subscribe, dispatch }) {
  const timer = createTimer();
  subscribe(() => {
    const ends = values(state().typing).flatMap((users) => values(users));
    if (!ends.length) return;
    const expire = () => {
      const still = (users) => fromEntries(entries(users).filter(([, until]) => until > Date.now()));
      dispatch({ type: "set", state: { typing: fromEntries(entries(state().typing).map(([id, users]) => [id, still(users)])) } });
    };
    timer.b(expire, Math.max(50, Math.min(...ends) - Date.now()));
  });
}
export {
  follow,
  more
};
