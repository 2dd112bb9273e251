// Editing, deleting and reacting: shown at once, taken back when the server refuses.
import type { Core } from "./core.js";
import type { Request } from "./http.js";
import { newId } from "./outbox.js";
import type { Message, Optimistic } from "./types.js";
import { current } from "./views.js";

type Target = Pick<Message, "id" | "conversation_id">;
export type Edit = Partial<Pick<Message, "message" | "mentions" | "custom">> & { attachments?: string[] };

export interface Changes {
  edit(message: Target, edit: string | Edit): Promise<Message>;
  remove(message: Target): Promise<Message>;
  react(message: Target, emoji: string, added?: boolean): Promise<Message>;
  pin(message: Target, pinned?: boolean): Promise<Message>;
}

export function createChanges(core: Core, request: Request): Changes {
  const last = new Map<string, Promise<unknown>>(); // what is under way, by message: one after the other

  async function change(target: Target, what: Partial<Optimistic> | null, ask: () => Promise<{ body: Message }>): Promise<Message> {
    const id = newId();
    const { conversation_id, id: message_id } = target;
    if (what) core.dispatch({ type: "optimistic", change: { id, conversation_id, message_id, kind: "edit", ...what } });
    const answer = (last.get(message_id) ?? Promise.resolve()).catch(() => {}).then(ask);
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
      const { attachments, custom, ...shown } = body;
      const fields = { ...shown, edited_at: new Date().toISOString() };
      // The version that its author saw: 409 version_conflict when another device edited it meanwhile.
      const ask = () => request("PATCH", `/messages/${target.id}`, { body: { ...body, version: current(core.state(), target)?.version } });
      return change(target, { kind: "edit", fields }, ask);
    },
    remove: (target) => change(target, { kind: "delete" }, () => request("DELETE", `/messages/${target.id}`)),
    react(target, emoji, added = true) {
      const path = `/messages/${target.id}/reactions/${encodeURIComponent(emoji)}`;
      return change(target, { kind: "react", emoji, added }, () => request(added ? "PUT" : "DELETE", path));
    },
    pin: (target, pinned = true) => change(target, null, () => request(pinned ? "PUT" : "DELETE", `/messages/${target.id}/pin`)),
  };
}
