// Made from /openapi.json and /asyncapi.json by scripts/types.mjs (`make client`); do not edit.

export interface Author {
  id: string;
  username: string;
  avatar_url: string | null;
}

export interface Conversation {
  id: string;
  name: string;
  owner_user_id: string;
  created_at: string;
  /** Grows by one with every durable change. */
  version: number;
  /** The number of the newest message, 0 without one. */
  last_seq: number;
  /** The number of the oldest message that is kept. */
  oldest_seq: number;
  type: "group" | "direct";
  visibility: "private" | "public";
  /** What a new member sees. */
  history: "all" | "since_joined";
  description: string | null;
  avatar_url: string | null;
  /** Between two messages of one member. */
  slow_mode_seconds: number;
  /** Only the owner and the admins may write. */
  frozen: boolean;
  /** The app's own. */
  custom: Record<string, unknown>;
  member_count: number;
  participants: Array<Participant>;
}

export interface CreateConversation {
  participant_ids: Array<string>;
  group_name: string;
  /** The caller. Needed in open mode only; with a token it is the token's user. */
  owner_id?: string;
}

export interface CreateUser {
  username: string;
}

export interface DeletedMessage {
  id: string;
  conversation_id: string;
  user_id: string;
  message: string;
  created_at: string;
  /** The message's number in its conversation: 1, 2, 3, … */
  seq: number;
  /** The conversation's version at the last change of this message. */
  version: number;
  client_id: string | null;
  deleted_at: string | null;
  users: Author;
  type: "text" | "system";
  edited_at: string | null;
  /** The message that this one answers. */
  reply_to: string | null;
  quote: Quote | null;
  /** The root of this reply's thread. */
  thread_id: string | null;
  /** The replies in the thread of this message. */
  reply_count: number;
  last_reply_at: string | null;
  reactions: Array<Reaction>;
  /** The members whom it mentions. */
  mentions: Array<string>;
  attachments: Array<Record<string, unknown>>;
  pinned_at: string | null;
  /** The app's own. */
  custom: Record<string, unknown>;
  thread: Thread | null;
}

export interface EditMessage {
  message?: string;
  /** Members to mention, besides those named `@[user_id]` in the text. */
  mentions?: Array<string>;
  /** Those to keep; the others are deleted. */
  attachments?: Array<string>;
  /** Merged with what is there: null removes a key (RFC 7396). */
  custom?: Record<string, unknown>;
  /** The `version` of the client's copy: 409 when text, mentions or custom were edited after it. */
  version?: number;
  /** The caller. Needed in open mode only; with a token it is the token's user. */
  user_id?: string;
}

export interface Handshake {
  /** A token, as in `Authorization: Bearer <token>`. */
  token?: string;
  /** The user, in open mode; the session then needs no `join`. */
  id?: string;
}

export interface Health {
  status: "ok";
}

export interface Join {
  /** The version that the client knows of each conversation; it gets the others whole. */
  since?: Record<string, number>;
  /** The `cursor` of the last answer, instead of `since`: asks for what changed after it. */
  cursor?: string;
  /** How many messages of one conversation the answer holds. */
  limit?: number;
  /** The user. With a token it is the token's user and may be left out. */
  id?: string;
}

export interface Joined {
  conversations?: Array<SyncedConversation>;
  /** Conversations that the caller left, or that were deleted. */
  removed?: Array<string>;
  /** For the next call; opaque, up to 200 characters. */
  cursor?: string;
  has_more?: boolean;
  /** The cursor that was sent cannot be used: drop everything and start with this. */
  reset?: boolean;
  user: User;
}

export interface MemberConversation {
  unread_count: number;
  last_read_seq: number;
  last_delivered_seq: number;
  pinned: boolean;
  archived: boolean;
  muted_until: string | null;
  id: string;
  name: string;
  owner_user_id: string;
  created_at: string;
  /** Grows by one with every durable change. */
  version: number;
  /** The number of the newest message, 0 without one. */
  last_seq: number;
  /** The number of the oldest message that is kept. */
  oldest_seq: number;
  type: "group" | "direct";
  visibility: "private" | "public";
  /** What a new member sees. */
  history: "all" | "since_joined";
  description: string | null;
  avatar_url: string | null;
  /** Between two messages of one member. */
  slow_mode_seconds: number;
  /** Only the owner and the admins may write. */
  frozen: boolean;
  /** The app's own. */
  custom: Record<string, unknown>;
  member_count: number;
  participants: Array<Participant>;
  last_message: Message | null;
  messages: Array<Message>;
}

export interface Message {
  id: string;
  conversation_id: string;
  user_id: string;
  message: string;
  created_at: string;
  /** The message's number in its conversation: 1, 2, 3, … */
  seq: number;
  /** The conversation's version at the last change of this message. */
  version: number;
  client_id: string | null;
  deleted_at: string | null;
  users: Author;
  type: "text" | "system";
  edited_at: string | null;
  /** The message that this one answers. */
  reply_to: string | null;
  quote: Quote | null;
  /** The root of this reply's thread. */
  thread_id: string | null;
  /** The replies in the thread of this message. */
  reply_count: number;
  last_reply_at: string | null;
  reactions: Array<Reaction>;
  /** The members whom it mentions. */
  mentions: Array<string>;
  attachments: Array<Record<string, unknown>>;
  pinned_at: string | null;
  /** The app's own. */
  custom: Record<string, unknown>;
}

export interface MessageConversation {
  id: string;
  name: string;
  owner_user_id: string;
  created_at: string;
  version: number;
  last_seq: number;
}

export interface MessageDeletion {
  id: string;
  conversation_id: string;
  seq: number;
  version: number;
  deleted_at: string;
  thread: Thread | null;
}

export interface MessageEdit {
  version: number;
  message: string;
  /** When this text was written. */
  edited_at: string;
  user_id: string;
}

export interface Participant {
  id: string;
  username: string;
  created_at: string;
  avatar_url: string | null;
  role: "owner" | "admin" | "member";
  joined_at: string;
  /** The app's own. */
  custom: Record<string, unknown>;
}

export interface Pin {
  /** The caller. Needed in open mode only; with a token it is the token's user. */
  user_id?: string;
}

export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  /** A stable snake_case word. */
  code: string;
  request_id: string;
  /** With 429 and 503: seconds to wait before the next try. */
  retry_after?: number;
  /** With 422: the fields that cannot be accepted, each with texts that say why. */
  errors?: Record<string, Array<string>>;
}

export interface Quote {
  id: string;
  seq: number;
  user_id: string;
  users: Author;
  message: string;
  deleted_at: string | null;
}

export interface React {
  /** The caller. Needed in open mode only; with a token it is the token's user. */
  user_id?: string;
}

export interface Reaction {
  emoji: string;
  count: number;
  /** The first 20 who gave it. */
  user_ids: Array<string>;
  me?: boolean;
}

export interface ReactionChange {
  message_id: string;
  conversation_id: string;
  /** The message's. */
  seq: number;
  version: number;
  emoji: string;
  user_id: string;
  added: boolean;
  count: number;
}

export interface Reactor {
  emoji: string;
  user_id: string;
  users: Author;
  created_at: string;
}

export interface Receipt {
  conversation_id: string;
  user_id: string;
  read_seq: number;
  delivered_seq: number;
}

export interface ReceiptEvent {
  read_seq?: number | null;
  delivered_seq?: number | null;
  conversation_id: string;
}

export interface Revoked {
  access_token?: string;
  token_type?: "bearer";
  /** Seconds. */
  expires_in?: number;
  user_id: string;
}

export interface SendMessage {
  message: string;
  client_id?: string | null;
  /** The message that this one answers and quotes. */
  reply_to?: string | null;
  /** The message to whose thread this belongs, or a reply in it. */
  thread_id?: string | null;
  /** Members to mention, besides those named `@[user_id]` in the text. */
  mentions?: Array<string>;
  /** The app's own data, up to 4 KiB. */
  custom?: Record<string, unknown>;
  /** The caller. Needed in open mode only; with a token it is the token's user. */
  user_id?: string;
}

export interface SendMessageEvent {
  message: string;
  client_id?: string | null;
  /** The message that this one answers and quotes. */
  reply_to?: string | null;
  /** The message to whose thread this belongs, or a reply in it. */
  thread_id?: string | null;
  /** Members to mention, besides those named `@[user_id]` in the text. */
  mentions?: Array<string>;
  /** The app's own data, up to 4 KiB. */
  custom?: Record<string, unknown>;
  conversation_id: string;
}

export interface SentMessage {
  id: string;
  conversation_id: string;
  user_id: string;
  message: string;
  created_at: string;
  /** The message's number in its conversation: 1, 2, 3, … */
  seq: number;
  /** The conversation's version at the last change of this message. */
  version: number;
  client_id: string | null;
  deleted_at: string | null;
  users: Author;
  type: "text" | "system";
  edited_at: string | null;
  /** The message that this one answers. */
  reply_to: string | null;
  quote: Quote | null;
  /** The root of this reply's thread. */
  thread_id: string | null;
  /** The replies in the thread of this message. */
  reply_count: number;
  last_reply_at: string | null;
  reactions: Array<Reaction>;
  /** The members whom it mentions. */
  mentions: Array<string>;
  attachments: Array<Record<string, unknown>>;
  pinned_at: string | null;
  /** The app's own. */
  custom: Record<string, unknown>;
  /** What its thread's root has become. */
  thread: Thread | null;
  conversations: MessageConversation;
}

export interface SignedUp {
  access_token?: string;
  token_type?: "bearer";
  /** Seconds. */
  expires_in?: number;
  id: string;
  username: string;
  created_at: string;
  avatar_url: string | null;
}

export interface Sync {
  /** The version that the client knows of each conversation; it gets the others whole. */
  since?: Record<string, number>;
  /** The `cursor` of the last answer, instead of `since`: asks for what changed after it. */
  cursor?: string;
  /** How many messages of one conversation the answer holds. */
  limit?: number;
  /** The caller. Needed in open mode only; with a token it is the token's user. */
  user_id?: string;
}

export interface Synced {
  conversations: Array<SyncedConversation>;
  /** Conversations that the caller left, or that were deleted. */
  removed: Array<string>;
  /** For the next call; opaque, up to 200 characters. */
  cursor: string;
  has_more: boolean;
  /** The cursor that was sent cannot be used: drop everything and start with this. */
  reset: boolean;
}

export interface SyncedConversation {
  unread_count?: number;
  last_read_seq?: number;
  last_delivered_seq?: number;
  pinned?: boolean;
  archived?: boolean;
  muted_until?: string | null;
  id?: string;
  name?: string;
  owner_user_id?: string;
  created_at?: string;
  /** Grows by one with every durable change. */
  version?: number;
  /** The number of the newest message, 0 without one. */
  last_seq?: number;
  /** The number of the oldest message that is kept. */
  oldest_seq?: number;
  type?: "group" | "direct";
  visibility?: "private" | "public";
  /** What a new member sees. */
  history?: "all" | "since_joined";
  description?: string | null;
  avatar_url?: string | null;
  /** Between two messages of one member. */
  slow_mode_seconds?: number;
  /** Only the owner and the admins may write. */
  frozen?: boolean;
  /** The app's own. */
  custom?: Record<string, unknown>;
  member_count?: number;
  participants?: Array<Participant>;
  last_message?: Message | null;
  messages?: Array<Message>;
  recovered?: boolean;
}

export interface Thread {
  id: string;
  seq: number;
  reply_count: number;
  last_reply_at: string | null;
}

export interface Token {
  access_token?: string;
  token_type?: "bearer";
  /** Seconds. */
  expires_in?: number;
}

export interface Unread {
  total: number;
  conversations: Record<string, number>;
}

export interface UpdateReceipt {
  read_seq?: number | null;
  delivered_seq?: number | null;
  /** The caller. Needed in open mode only; with a token it is the token's user. */
  user_id?: string;
}

export interface UpdatedMessage {
  id: string;
  conversation_id: string;
  user_id: string;
  message: string;
  created_at: string;
  /** The message's number in its conversation: 1, 2, 3, … */
  seq: number;
  /** The conversation's version at the last change of this message. */
  version: number;
  client_id: string | null;
  deleted_at: string | null;
  users: Author;
  type: "text" | "system";
  edited_at: string | null;
  /** The message that this one answers. */
  reply_to: string | null;
  quote: Quote | null;
  /** The root of this reply's thread. */
  thread_id: string | null;
  /** The replies in the thread of this message. */
  reply_count: number;
  last_reply_at: string | null;
  reactions: Array<Reaction>;
  /** The members whom it mentions. */
  mentions: Array<string>;
  attachments: Array<Record<string, unknown>>;
  pinned_at: string | null;
  /** The app's own. */
  custom: Record<string, unknown>;
  from_version?: number;
}

export interface User {
  id: string;
  username: string;
  created_at: string;
  avatar_url: string | null;
}

export interface Version {
  conversation_id: string;
  version: number;
  from_version?: number;
}

/** What the server sends, by the name of the event. */
export interface ServerEvents {
  /** A conversation was opened: to every session of the listed participants. */
  newConversation: Conversation;
  /** A member has received or read: to the other members and the user's other devices, at most once a second. */
  receipt: Receipt;
  /** A message was deleted: to the members, but the socket that acts. */
  messageDeleted: MessageDeletion;
  /** A message was edited, pinned or unpinned, or many reacted at once: to the members, but the socket that acts. */
  messageUpdated: UpdatedMessage;
  /** A message was sent: to every session of the members but the sender's, or but the socket that sent it. */
  message: SentMessage;
  /** Somebody reacted to a message, or took that back: to the members, but the socket that acts. */
  reaction: ReactionChange;
  /** Something changed that this member may not see, since it is of before the member's time: take the number. */
  version: Version;
  /** The session's token expired or was revoked: to this session; the server disconnects after it. */
  unauthorized: Problem;
}
