// What is not in the state until somebody looks: older messages, the replies of a thread, how far the others have read.
import type { Core } from "./core.js";
import type { Request } from "./http.js";
import type { Message, Receipt } from "./types.js";

const MOST_TRIES = 3;

export interface Pages {
  /** Load older messages; returns whether there are still older ones. */
  loadOlder(conversationId: string, limit?: number): Promise<boolean>;
  /** Load the replies before this number, or the newest; returns whether there are older ones. */
  loadThread(root: Pick<Message, "id" | "conversation_id">, beforeSeq?: number, limit?: number): Promise<boolean>;
  /** Keep what the screen of a conversation needs; returns how to end that. */
  open(conversationId: string): () => void;
  /** Load what the open conversations miss. */
  refresh(): void;
}

export function createPages(core: Core, request: Request): Pages {
  const loading = new Map<string, Promise<boolean>>();
  const open = new Map<string, number>();
  const asking = new Set<string>();
  const known = (id: string) => core.state().conversations[id];

  async function loadPage(conversation_id: string, limit: number): Promise<boolean> {
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const before = known(conversation_id);
      if (!before?.has_older) return false;
      const query = { before_seq: before.first_seq, limit };
      const { body, headers } = await request<Message[]>("GET", `/conversations/${conversation_id}/messages`, { query });
      const said = headers.get("X-Has-More-Before"); // hidden from a browser by some proxies
      const has_older = said ? said === "true" : body.length >= limit;
      core.dispatch({ type: "page", conversation_id, messages: body, has_older, before_seq: before.first_seq, asked: before.version });
      if (known(conversation_id)?.messages !== before.messages) return !!known(conversation_id)?.has_older;
      if (!body.length) return false;
    }
    return true; // changed in every try: whoever scrolls asks again
  }

  async function loadReceipts(conversation_id: string) {
    if (asking.has(conversation_id)) return;
    asking.add(conversation_id);
    try {
      const { body } = await request<Receipt[]>("GET", `/conversations/${conversation_id}/receipts`);
      core.dispatch({ type: "receipts", conversation_id, receipts: body });
    } catch (error) {
      core.report(error);
    } finally {
      setTimeout(() => {
        asking.delete(conversation_id);
        pages.refresh(); // out of date again meanwhile, or it failed
      }, 1000);
    }
  }

  const pages: Pages = {
    loadOlder(conversationId, limit = 50) {
      const underWay = loading.get(conversationId);
      if (underWay) return underWay;
      const page = loadPage(conversationId, limit).finally(() => loading.delete(conversationId));
      loading.set(conversationId, page);
      return page;
    },
    async loadThread({ id, conversation_id }, beforeSeq, limit = 50) {
      for (let tries = 0; tries < MOST_TRIES; tries++) {
        const asked = known(conversation_id)?.version ?? 0;
        const { body, headers } = await request<Message[]>("GET", `/messages/${id}/thread`, { query: { before_seq: beforeSeq, limit } });
        core.dispatch({ type: "extras", conversation_id, messages: body, asked });
        const said = headers.get("X-Has-More-Before");
        if ((known(conversation_id)?.changed_below ?? 0) <= asked) return said ? said === "true" : body.length >= limit;
      }
      return true;
    },
    open(conversationId) {
      open.set(conversationId, (open.get(conversationId) ?? 0) + 1);
      pages.refresh();
      return () => {
        const count = open.get(conversationId)! - 1;
        if (count) open.set(conversationId, count);
        else open.delete(conversationId);
      };
    },
    refresh() {
      if (core.state().status !== "live") return;
      for (const id of open.keys()) {
        if (known(id)?.receipts_stale) void loadReceipts(id);
        if (known(id)?.has_older && !known(id)!.messages.length) pages.loadOlder(id).catch(core.report);
      }
    },
  };
  core.subscribe(pages.refresh);
  return pages;
}
