// Saves what changed and restores it: the cursor together with what it promises, unsent messages before they are sent.
import type { Core } from "./core.js";
import type { Conversation, Letter, State } from "./types.js";

const SAVE_AFTER = 300;
/** Of each conversation; older messages come from the server again. */
const MOST_MESSAGES = 100;

export interface Persistence {
  restore(): Promise<void>;
  /** Save now; resolves when it is done, or has failed and was reported. */
  save(): Promise<void>;
  clear(): Promise<void>;
}

export function createPersistence(core: Core): Persistence {
  const { store, userId, url } = core.options;
  if (!store) return { restore: async () => {}, save: async () => {}, clear: async () => {} };
  let saved: State = core.state();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let last: Promise<void> = Promise.resolve();
  let isRestored = false;

  async function write() {
    const state = core.state();
    if (state === saved) return;
    const isMine = (await store!.isMine?.()) ?? true;
    const changes = { ...changedLetters(saved, state), ...(isMine && changedState(saved, state, url)) };
    if (Object.keys(changes).length) await store!.save(changes);
    saved = state;
  }

  function save(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    return (last = last.then(write).catch(core.report));
  }

  core.subscribe(() => {
    if (isRestored) timer ??= setTimeout(save, SAVE_AFTER);
  });

  return {
    async restore() {
      try {
        const kept = await store.load();
        if (kept.url === undefined || (kept.url === url && (!userId || (kept.me as State["me"])?.id === userId))) {
          core.dispatch({ type: "restored", state: restored(kept) });
          saved = core.state();
        } else await store.clear(); // another user's, or another server's
      } catch (error) {
        core.report(error);
      }
      isRestored = true;
    },
    save,
    async clear() {
      clearTimeout(timer);
      timer = undefined;
      isRestored = false;
      await last;
      await store.clear();
      saved = core.state();
    },
  };
}

function restored(kept: Record<string, unknown>): Partial<State> {
  const named = (prefix: string) => Object.entries(kept).filter(([key]) => key.startsWith(prefix));
  const conversations = named("conversation:").map(([key, value]) => [key.slice(13), value as Conversation]);
  const letters = named("letter:").map(([, value]) => value as Letter);
  return {
    me: (kept.me as State["me"]) ?? null,
    cursor: (kept.cursor as string) ?? null,
    removed: (kept.removed as State["removed"]) ?? {},
    conversations: Object.fromEntries(conversations),
    outbox: letters.sort((a, b) => (a.created_at < b.created_at ? -1 : 1)).map(unsent),
  };
}

// Nobody knows any more what came of a try.
const unsent = (letter: Letter): Letter => (letter.status === "failed" ? letter : { ...letter, status: "waiting" });

function changedLetters(before: State, after: State): Record<string, unknown> {
  if (before.outbox === after.outbox) return {};
  const isKept = (each: Letter) => each.status !== "sent";
  const gone = before.outbox.map((each) => [`letter:${each.client_id}`, undefined]);
  const kept = after.outbox.filter(isKept).map((each) => [`letter:${each.client_id}`, each]);
  return { ...Object.fromEntries(gone), ...Object.fromEntries(kept) };
}

function changedState(before: State, after: State, url: string): Record<string, unknown> {
  const changes: Record<string, unknown> = {};
  for (const id of new Set([...Object.keys(before.conversations), ...Object.keys(after.conversations)])) {
    const conversation = after.conversations[id];
    if (before.conversations[id] !== conversation) changes[`conversation:${id}`] = conversation && newest(conversation);
  }
  for (const name of ["me", "cursor", "removed"] as const) {
    if (before[name] !== after[name]) changes[name] = after[name];
  }
  if (Object.keys(changes).length) changes.url = url;
  return changes;
}

function newest(conversation: Conversation): Conversation {
  const messages = conversation.messages.slice(-MOST_MESSAGES);
  const isCut = messages.length < conversation.messages.length;
  const first_seq = isCut ? messages[0]!.seq : conversation.first_seq;
  return { ...conversation, messages, first_seq, has_older: isCut || conversation.has_older, extras: {}, held: [], receipts_stale: true };
}
