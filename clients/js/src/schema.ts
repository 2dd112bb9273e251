// Made from /openapi.json and /asyncapi.json by scripts/types.mjs (`make client`); do not edit.

export interface AddMembers {
  participant_ids: Array<string>;
  /** Only the owner makes admins. */
  role?: "member" | "admin";
  /** The first message that exists for them: `all`, `now` (none so far), or its number. Default: as the `history` of the conversation says. Nobody gives more than they see themselves. */
  history_from?: string | number;
  /** The caller. Needed in open mode only; with a token it is the token's user. */
  user_id?: string;
}

export interface Attachment {
  id: string;
  name: string;
  /** What its content is, whatever its sender calls it. */
  type: string;
  /** Bytes, as they are stored. */
  size: number;
  /** Pixels; null for what is no image. */
  width: number | null;
  height: number | null;
  created_at: string;
  /** Where it is read, relative to the server. */
  url: string;
  thumbnail_url: string | null;
}

export interface Author {
  id: string;
  username: string;
  avatar_url: string | null;
}

export interface Block {
  user: User;
  /** Null: not blocked. */
  created_at: string | null;
}

export interface Caller {
  /** The caller. Needed in open mode only; with a token it is the token's user. */
  user_id?: string;
}

export interface ChangedParticipant {
  id: string;
  username: string;
  created_at: string;
  avatar_url: string | null;
  role: "owner" | "admin" | "member";
  joined_at: string;
  /** The app's own. */
  custom: Record<string, unknown>;
  conversation_id: string;
  version: number;
}

export interface Conversation {
  id: string;
  /** The same as `id`; every event has it. */
  conversation_id: string;
  /** Empty for a direct conversation. */
  name: string;
  /** Of a direct conversation: who made it. */
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
  /** After so many days messages are deleted; null: as long as the server keeps them. */
  retention_days: number | null;
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

export interface CreateInvite {
  /** Seconds; without it, for ever. */
  expires_in?: number | null;
  /** People whom it lets in; without it, any number. */
  uses?: number | null;
  /** The caller. Needed in open mode only; with a token it is the token's user. */
  user_id?: string;
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
  attachments: Array<Attachment>;
  pinned_at: string | null;
  /** The app's own. */
  custom: Record<string, unknown>;
  thread: Thread | null;
}

export interface Device {
  token: string;
  /** Null: not registered. */
  service: "webpush" | "expo" | "fcm" | null;
  created_at: string | null;
  /** The last time. */
  registered_at: string | null;
}

export interface DirectConversation {
  other_user_id: string;
  /** The caller. Needed in open mode only; with a token it is the token's user. */
  user_id?: string;
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

export interface EditedMessage {
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
  attachments: Array<Attachment>;
  pinned_at: string | null;
  /** The app's own. */
  custom: Record<string, unknown>;
  /** Whom the message mentions in vain, since they are no members; if there are any. */
  mentions_not_members?: Array<string>;
}

export interface ErasedUser {
  id: string;
  erased_at: string;
}

export interface FollowThread {
  /** The caller. Needed in open mode only; with a token it is the token's user. */
  user_id?: string;
}

export interface FollowedThread {
  /** Replies that are not read; 100 stands for more. */
  unread_count: number;
  last_read_seq: number;
  following: boolean;
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
  attachments: Array<Attachment>;
  pinned_at: string | null;
  /** The app's own. */
  custom: Record<string, unknown>;
}

export interface FoundMessage {
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
  attachments: Array<Attachment>;
  pinned_at: string | null;
  /** The app's own. */
  custom: Record<string, unknown>;
  /** HTML: hits in `<mark>`, the rest escaped; of a long text 300 characters around the first. */
  highlight: string;
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

export interface Invite {
  code: string;
  conversation_id: string;
  /** Who made it. */
  user_id: string;
  /** null: no limit. */
  uses_left: number | null;
  /** null: never. */
  expires_at: string | null;
  created_at: string;
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
  notifications: "all" | "mentions" | "none" | null;
  id: string;
  /** The same as `id`; every event has it. */
  conversation_id: string;
  /** Empty for a direct conversation. */
  name: string;
  /** Of a direct conversation: who made it. */
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
  /** After so many days messages are deleted; null: as long as the server keeps them. */
  retention_days: number | null;
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
  attachments: Array<Attachment>;
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

export interface OfferedInvite {
  code: string;
  name: string;
  member_count: number;
  /** For a caller who is a member already, else null. */
  conversation_id: string | null;
}

export interface OpenedConversation {
  id: string;
  /** The same as `id`; every event has it. */
  conversation_id: string;
  /** Empty for a direct conversation. */
  name: string;
  /** Of a direct conversation: who made it. */
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
  /** After so many days messages are deleted; null: as long as the server keeps them. */
  retention_days: number | null;
  /** Only the owner and the admins may write. */
  frozen: boolean;
  /** The app's own. */
  custom: Record<string, unknown>;
  member_count: number;
  participants: Array<Participant>;
  /** Who cannot be added by the caller. Left out when empty. */
  not_added?: Array<string>;
}

export interface OwnConversation {
  unread_count: number;
  last_read_seq: number;
  last_delivered_seq: number;
  pinned: boolean;
  archived: boolean;
  muted_until: string | null;
  notifications: "all" | "mentions" | "none" | null;
  id: string;
  /** The same as `id`; every event has it. */
  conversation_id: string;
  /** Empty for a direct conversation. */
  name: string;
  /** Of a direct conversation: who made it. */
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
  /** After so many days messages are deleted; null: as long as the server keeps them. */
  retention_days: number | null;
  /** Only the owner and the admins may write. */
  frozen: boolean;
  /** The app's own. */
  custom: Record<string, unknown>;
  member_count: number;
  participants: Array<Participant>;
  last_message: Message | null;
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

export interface Presence {
  user_id: string;
  online: boolean;
  last_seen_at: string | null;
}

export interface Presences {
  presence: Array<Presence>;
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

export interface Profile {
  id: string;
  username: string;
  created_at: string;
  avatar_url: string | null;
  about: string | null;
  /** The app's own. */
  custom: Record<string, unknown>;
  /** False hides the user's receipts, and others' from it. */
  share_receipts?: boolean;
  /** False hides the user's presence, and others' from it. */
  share_presence?: boolean;
  /** What is pushed to devices. */
  notifications?: "all" | "mentions" | "none";
}

export interface PublicConversation {
  id: string;
  name: string;
  description: string | null;
  avatar_url: string | null;
  created_at: string;
  member_count: number;
  /** Whether the caller is in it already. */
  is_member: boolean;
}

export interface PublicProfile {
  id: string;
  username: string;
  created_at: string;
  avatar_url: string | null;
  about: string | null;
  /** The app's own. */
  custom: Record<string, unknown>;
}

export interface PutDevice {
  service: "webpush" | "expo" | "fcm";
  /** Of Web Push: the subscription's, at a service of `WEBPUSH_HOSTS`. */
  endpoint?: string;
  /** Of Web Push: the subscription's `p256dh` and `auth`, in URL-safe base64. */
  keys?: Record<string, string>;
  /** The caller. Needed in open mode only; with a token it is the token's user. */
  user_id?: string;
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

export interface ReadThread {
  read_seq: number;
  /** The caller. Needed in open mode only; with a token it is the token's user. */
  user_id?: string;
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
  /** Mark unread: the read pointer moves back, before this message. Alone. */
  unread_from?: number | null;
  conversation_id: string;
}

export interface Revoked {
  access_token?: string;
  token_type?: "bearer";
  /** Seconds. */
  expires_in?: number;
  user_id: string;
}

export interface Scheduled {
  id: string;
  conversation_id: string;
  user_id: string;
  message: string;
  client_id: string | null;
  reply_to: string | null;
  thread_id: string | null;
  mentions: Array<string>;
  attachments: Array<unknown>;
  custom: Record<string, unknown>;
  send_at: string;
  created_at: string;
  /** The code of what forbade it at its time. With a new `send_at` it is tried again. */
  failed: string | null;
}

export interface ScheduledFailed {
  id: string;
  conversation_id: string;
  code: string;
}

export interface Schema {
  /** The caller. Needed in open mode only; with a token it is the token's user. */
  user_id?: string;
}

export interface SendAnswer {
  id?: string;
  conversation_id?: string;
  user_id?: string;
  message?: string;
  created_at?: string;
  /** The message's number in its conversation: 1, 2, 3, … */
  seq?: number;
  /** The conversation's version at the last change of this message. */
  version?: number;
  client_id?: string | null;
  deleted_at?: string | null;
  users?: Author;
  type?: "text" | "system";
  edited_at?: string | null;
  /** The message that this one answers. */
  reply_to?: string | null;
  quote?: Quote | null;
  /** The root of this reply's thread. */
  thread_id?: string | null;
  /** The replies in the thread of this message. */
  reply_count?: number;
  last_reply_at?: string | null;
  reactions?: Array<Reaction>;
  /** The members whom it mentions. */
  mentions?: Array<string>;
  attachments?: Array<Attachment>;
  pinned_at?: string | null;
  /** The app's own. */
  custom?: Record<string, unknown>;
  /** What its thread's root has become. */
  thread?: Thread | null;
  conversations?: MessageConversation;
  /** Whom the message mentions in vain, since they are no members; if there are any. */
  mentions_not_members?: Array<string>;
  /** The message, to be sent at `send_at`. */
  scheduled?: Scheduled;
}

export interface SendMessage {
  message?: string;
  client_id?: string | null;
  /** Files to send with it, uploaded before; `message` may be missing then. */
  attachments?: Array<string>;
  /** The message that this one answers and quotes. */
  reply_to?: string | null;
  /** The message to whose thread this belongs, or a reply in it. */
  thread_id?: string | null;
  /** Members to mention, besides those named `@[user_id]` in the text. */
  mentions?: Array<string>;
  /** The app's own data, up to 4 KiB. */
  custom?: Record<string, unknown>;
  /** Send it then, within a year; the answer has `scheduled` alone. */
  send_at?: string | null;
  /** The caller. Needed in open mode only; with a token it is the token's user. */
  user_id?: string;
}

export interface SendMessageEvent {
  message?: string;
  client_id?: string | null;
  /** Files to send with it, uploaded before; `message` may be missing then. */
  attachments?: Array<string>;
  /** The message that this one answers and quotes. */
  reply_to?: string | null;
  /** The message to whose thread this belongs, or a reply in it. */
  thread_id?: string | null;
  /** Members to mention, besides those named `@[user_id]` in the text. */
  mentions?: Array<string>;
  /** The app's own data, up to 4 KiB. */
  custom?: Record<string, unknown>;
  /** Send it then, within a year; the answer has `scheduled` alone. */
  send_at?: string | null;
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
  attachments: Array<Attachment>;
  pinned_at: string | null;
  /** The app's own. */
  custom: Record<string, unknown>;
  /** What its thread's root has become. */
  thread: Thread | null;
  conversations: MessageConversation;
}

export interface Settings {
  conversation_id: string;
  pinned: boolean;
  archived: boolean;
  muted_until: string | null;
  /** What is pushed of it; null: as the profile says. */
  notifications: "all" | "mentions" | "none" | null;
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
  notifications?: "all" | "mentions" | "none" | null;
  id?: string;
  /** The same as `id`; every event has it. */
  conversation_id?: string;
  /** Empty for a direct conversation. */
  name?: string;
  /** Of a direct conversation: who made it. */
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
  /** After so many days messages are deleted; null: as long as the server keeps them. */
  retention_days?: number | null;
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

export interface ThreadMember {
  /** Replies that are not read; 100 stands for more. */
  unread_count: number;
  last_read_seq: number;
  following: boolean;
  /** The root of the thread. */
  thread_id: string;
  conversation_id: string;
}

export interface Token {
  access_token?: string;
  token_type?: "bearer";
  /** Seconds. */
  expires_in?: number;
}

export interface Typing {
  conversation_id: string;
  user_id: string;
  is_typing: boolean;
  /** Seconds. */
  expires_in: number;
}

export interface TypingEvent {
  conversation_id: string;
  is_typing: boolean;
}

export interface Unread {
  total: number;
  total_unmuted: number;
  conversations: Record<string, number>;
}

export interface UpdateConversation {
  name?: string;
  description?: string | null;
  avatar_url?: string | null;
  visibility?: "private" | "public";
  /** What members see who come from now on. */
  history?: "all" | "since_joined";
  /** Days that messages are kept; null: what the server says. */
  retention_days?: number | null;
  /** Seconds between two messages of one member; 0: no limit. */
  slow_mode_seconds?: number;
  /** Only the owner and the admins may write. */
  frozen?: boolean;
  /** The app's own data, up to 4 KiB. */
  custom?: Record<string, unknown>;
  /** The caller. Needed in open mode only; with a token it is the token's user. */
  user_id?: string;
}

export interface UpdateMember {
  /** `owner`: hand the conversation over; the old owner becomes an admin. */
  role?: "owner" | "admin" | "member";
  /** The app's own data, up to 4 KiB. */
  custom?: Record<string, unknown>;
  /** The caller. Needed in open mode only; with a token it is the token's user. */
  user_id?: string;
}

export interface UpdateReceipt {
  read_seq?: number | null;
  delivered_seq?: number | null;
  /** Mark unread: the read pointer moves back, before this message. Alone. */
  unread_from?: number | null;
  /** The caller. Needed in open mode only; with a token it is the token's user. */
  user_id?: string;
}

export interface UpdateScheduled {
  message?: string;
  reply_to?: string | null;
  thread_id?: string | null;
  mentions?: Array<string>;
  /** Files to send with it, in place of those before. */
  attachments?: Array<string>;
  /** Merged with what is there: null removes a key (RFC 7396). */
  custom?: Record<string, unknown>;
  /** When to send it: within a year. */
  send_at?: string;
  /** The caller. Needed in open mode only; with a token it is the token's user. */
  user_id?: string;
}

export interface UpdateSettings {
  /** Lists put it first. */
  pinned?: boolean;
  /** Lists leave it out, until there is a new message. */
  archived?: boolean;
  /** It stays archived, and apps stay quiet; null: not. */
  muted_until?: string | null;
  /** What is pushed of it to the caller's devices; null: as the profile says. */
  notifications?: "all" | "mentions" | "none";
  /** The caller. Needed in open mode only; with a token it is the token's user. */
  user_id?: string;
}

export interface UpdateUser {
  username?: string;
  avatar_url?: string | null;
  about?: string | null;
  /** Merged into what is there; null removes a key (RFC 7396). */
  custom?: Record<string, unknown>;
  share_receipts?: boolean;
  share_presence?: boolean;
  /** What is pushed to the user's devices. */
  notifications?: "all" | "mentions" | "none";
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
  attachments: Array<Attachment>;
  pinned_at: string | null;
  /** The app's own. */
  custom: Record<string, unknown>;
  from_version?: number;
}

export interface Upload {
  file: string;
  name?: string;
  /** The caller. Needed in open mode only; with a token it is the token's user. */
  user_id?: string;
}

export interface User {
  id: string;
  username: string;
  created_at: string;
  avatar_url: string | null;
}

export interface VapidKey {
  /** `applicationServerKey` of `pushManager.subscribe`. Null: no Web Push here. */
  public_key: string | null;
}

export interface Version {
  conversation_id: string;
  version: number;
  from_version?: number;
}

export interface WatchPresence {
  user_ids: Array<string>;
}

/** What the server sends, by the name of the event. */
export interface ServerEvents {
  /** A conversation was changed, or its members or their roles: the conversation without its messages. */
  conversationUpdated: Conversation;
  /** A conversation was deleted, with everything in it. */
  conversationDeleted: Version;
  /** A conversation was opened, or the user was added to it or came in: to every session of those who are new in it. */
  newConversation: Conversation;
  /** A member has received or read: to the other members and the user's other devices, at most once a second. Marked unread: to the user's other devices alone. */
  receipt: Receipt;
  /** A member types, or does no longer: to the other members. Over after `expires_in` seconds unless it is repeated. */
  typing: Typing;
  /** A message was deleted: to the members, but the socket that acts. */
  messageDeleted: MessageDeletion;
  /** A message was edited, pinned or unpinned, or many reacted at once: to the members, but the socket that acts. */
  messageUpdated: UpdatedMessage;
  /** A message was sent: to every session of the members but the sender's, or but the socket that sent it. One of type `system`: to every session of the members. */
  message: SentMessage;
  /** A profile was changed: to every session of those who share a conversation with the user, and to the user's own. */
  userUpdated: PublicProfile;
  /** A scheduled message could not be sent at its time: to every session of its sender, who still has it. */
  scheduledFailed: ScheduledFailed;
  /** A user came online or went offline: to the sockets that watch it. */
  presence: Presence;
  /** Somebody reacted to a message, or took that back: to the members, but the socket that acts. */
  reaction: ReactionChange;
  /** Something changed that this member may not see, since it is of before the member's time: take the number. */
  version: Version;
  /** The session's token expired or was revoked: to this session; the server disconnects after it. */
  unauthorized: Problem;
  /** The user was removed from a conversation, or has left it: nothing of it is heard afterwards. */
  removedFromConversation: Version;
  /** The user's own settings of a conversation have changed: to the user's other sessions. It has no version. */
  conversationSettings: Settings;
}
