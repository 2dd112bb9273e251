// Saves what changed and restores it: the cursor together with what it promises, unsent messages before they are sent.
import { createTimer, type Core } from "./core.js";
import { fromEntries, keys, values } from "./object.js";
import type { Conversation, Letter, State } from "./types.js";

/** In milliseconds. */
const enum Times {
  save = 300,
}
const enum Most {
  /** Of each conversation; older ones come from the server again. */
  messages = 100,
}

export interface Persistence {
  _restore(): Promise<void>;
  /** Save now; resolves when it is done, or has failed and was reported. */
  _save(): Promise<void>;
  _clear(): Promise<void>;
}

export const createPersistence = (core: Core): Persistence => {
  const { store, userId, url } = core._options;
  const nothing = async () => {};
  if (!store) return { _restore: nothing, _save: nothing, _clear: nothing };
  const timer = createTimer();
  let saved: Record<string, unknown> = {}; // what the store holds, by key
  let last: Promise<void> | undefined;
  let isRestored = false;

  const write = async () => {
    const isMine = await store!.isMine?.();
    const now = flat(core._state, url);
    const changed = keys({ ...saved, ...now }).filter((key) => saved[key] !== now[key] && (isMine !== false || key.startsWith(LETTER)));
    if (changed.length) await store!.save(fromEntries(changed.map((key) => [key, shortened(now[key])])));
    saved = now;
  };

  const save = () => {
    timer._stop();
    return (last = Promise.resolve(last).then(write).catch(core._report));
  };
  core._subscribe(() => isRestored && timer._start(save, Times.save));

  return {
    async _restore() {
      try {
        const found: any = await store.load();
        const { url: of, me, cursor, removed } = found;
        if (of === url && (!me || !userId || me.id === userId)) {
          core._set({ me, cursor, removed, ...restored(values(found)) });
          saved = flat(core._state, url);
        } else await store.clear(); // another user's, or another server's
      } catch (error) {
        core._report(error);
      }
      isRestored = true;
    },
    _save: save,
    async _clear() {
      timer._stop();
      isRestored = false;
      await last;
      await store.clear();
      saved = {};
    },
  };
};

const LETTER = "letter:";

// What is kept of a state, by key.
const flat = ({ me, cursor, removed, conversations, outbox }: State, url: string): Record<string, unknown> => {
  const kept: Record<string, unknown> = { url, me, cursor, removed };
  for (const id in conversations) kept[`conversation:${id}`] = conversations[id];
  for (const letter of outbox) if (letter.status !== "sent") kept[LETTER + letter.key] = letter;
  return kept;
};

const restored = (all: any[]): Partial<State> => {
  const conversations = fromEntries(all.filter((each) => each?.about).map((each: Conversation) => [each.about.id, each]));
  const outbox = all.filter((each) => each?.draft).sort((a: Letter, b: Letter) => (a.created_at < b.created_at ? -1 : 1));
  return { conversations, outbox };
};

// Of a conversation its newest messages.
const shortened = (value: any): unknown => {
  if (!value?.about) return value;
  const { messages: all, first_seq: first, has_older, about } = value as Conversation;
  const messages = all.filter((each) => each.seq >= first).slice(-Most.messages);
  const first_seq = messages.length < Most.messages ? first : messages[0]!.seq;
  return { ...value, messages, first_seq, has_older: has_older || first_seq > about.oldest_seq, held: [] };
};
