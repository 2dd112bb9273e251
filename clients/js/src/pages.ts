// Older messages, as somebody scrolls to them.
import type { Core } from "./core.js";
import type { Request } from "./http.js";
import type { Message } from "./types.js";

export interface Pages {
  /** Load older messages; returns whether there are still older ones. */
  loadOlder(conversationId: string, limit?: number): Promise<boolean>;
}

export const createPages = (core: Core, request: Request): Pages => {
  const loading = new Map<string, Promise<boolean>>();

  const load = async (conversation_id: string, limit?: number): Promise<boolean> => {
    const known = () => core._state.conversations[conversation_id];
    const { has_older, first_seq: before_seq, version: asked } = known() ?? {};
    if (has_older) {
      const { body: messages } = await request<Message[]>("GET", `/conversations/${conversation_id}/messages`, { query: { before_seq, limit } });
      core._dispatch({ type: "page", conversation_id, messages, before_seq, asked: asked! });
    }
    return !!known()?.has_older; // a page that may be out of date is left: whoever scrolls asks again
  };

  return {
    loadOlder(id, limit) {
      if (!loading.has(id)) loading.set(id, load(id, limit).finally(() => loading.delete(id)));
      return loading.get(id)!;
    },
  };
};
