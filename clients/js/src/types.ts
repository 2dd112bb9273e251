// What the library speaks of. The objects on the wire come from schema.ts; here are the library's own.
import type { MemberConversation, Message, Problem, SendMessage, Synced, SyncedConversation, User } from "./schema.js";

export type {
  Author,
  MemberConversation,
  Message,
  Participant,
  Problem,
  Quote,
  Reaction,
  Receipt,
  SendMessage,
  Synced,
  SyncedConversation,
  User,
} from "./schema.js";

export type Status = "connecting" | "syncing" | "live" | "offline" | "unauthorized";

/** A conversation as its user sees it, without its messages. */
export type About = Omit<MemberConversation, "messages" | "last_message">;

/** An event with a version: it waits for the versions before it. */
export interface Change {
  name: string;
  data: { version: number; from_version?: number; [field: string]: any };
}

export interface Pointers {
  read_seq: number;
  delivered_seq: number;
}

/** What is known of one conversation. */
export interface Conversation {
  about: About;
  /** Everything up to this version is known. */
  version: number;
  /** By `seq`: all from `first_seq` on, and of the older ones those that something shows, as the replies of a thread. */
  messages: readonly ShownMessage[];
  first_seq: number;
  /** Whether there are messages before `first_seq`. */
  has_older: boolean;
  /** How far each member has read, by user; `more` keeps it up to date. */
  receipts?: Readonly<Record<string, Pointers>>;
  /** Whether nothing may have gone unheard since those were asked for. */
  receipts_fresh?: boolean;
  /** Events beyond a gap, by version. */
  held: readonly Change[];
  /** The version of the newest change of a message before `first_seq`: a page asked for before it may be out of date. */
  changed_below: number;
}

/** What may be said of a message besides its text. */
export type Draft = Partial<Omit<SendMessage, "client_id" | "message">> & {
  message?: string;
  attachments?: string[];
  send_at?: string;
};

/** A message that is not known to have arrived: as it is shown, and what is sent. */
export type Letter = ShownMessage & { draft: Draft };

/** A change of a message that is shown before the server has answered. */
export interface Optimistic {
  conversation_id: string;
  message_id: string;
  /** The message with the change. */
  change: (message: ShownMessage) => ShownMessage;
  /** The version at which the server did it: shown until that is known. */
  version?: number;
}

export interface State {
  status: Status;
  /** Why the server refused, in `unauthorized`. */
  error: Problem | null;
  me: User | null;
  cursor: string | null;
  conversations: Readonly<Record<string, Conversation>>;
  /** The version at which a conversation was left or deleted: what is older must not bring it back. */
  removed: Readonly<Record<string, number>>;
  outbox: readonly Letter[];
  optimistic: readonly Optimistic[];
  /** Conversation → user → until when (milliseconds). */
  typing: Readonly<Record<string, Readonly<Record<string, number>>>>;
  presence: Readonly<Record<string, { online: boolean; last_seen_at: string | null }>>;
  /** Something is missing that only a sync brings. */
  needs_sync: boolean;
}

/** A message as it is shown: with how its sending goes. */
export type ShownMessage = Message & {
  /** Stays the same when a message that was shown at once is replaced by the one from the server. */
  key: string;
  status: "sending" | "sent" | "failed";
  error: Problem | null;
};

/** An answer of sync, or the acknowledgement of `join`. */
export type SyncAnswer = Omit<Synced, "conversations"> & { conversations: SyncedConversation[]; user?: User };
