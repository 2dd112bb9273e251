// The SQL functions as this peer calls them: the one file that knows their parameters and results.

import pg from "pg";

// A named statement is parsed and planned once a connection.
const statement = (name, parameters) => ({
  name,
  text: `select public.${name}(${parameters.map((each, i) => `p_${each} => $${i + 1}`).join(", ")}) as answer`,
});

const CREATE_USER = statement("chat_create_user", ["username", "user_id", "issued_at"]);
const GET_USER = statement("chat_get_user", ["user_id", "issued_at"]);
const CREATE_CONVERSATION = statement("chat_create_conversation", ["user_id", "issued_at", "draft"]);
const SYNC = statement("chat_sync", ["user_id", "issued_at", "since", "cursor", "limit"]);
const SEND_MESSAGE = statement("chat_send_message", ["user_id", "issued_at", "conversation_id", "draft"]);
const GET_AUDIENCE = statement("chat_get_audience", ["conversation_id"]);

export class Database {
  #pool;
  #audiences = new Map(); // conversation id -> {audience_version, user_ids}

  constructor(connectionString, max = 10) {
    this.#pool = new pg.Pool({ connectionString, max });
  }

  createUser(username) {
    return this.#call(CREATE_USER, username, null, null);
  }

  getUser(id) {
    return this.#call(GET_USER, id, null);
  }

  async createConversation(ownerId, participantIds, name) {
    const draft = { participant_ids: participantIds, name };
    return (await this.#call(CREATE_CONVERSATION, ownerId, null, draft)).result;
  }

  sync(userId, since, limit) {
    return this.#call(SYNC, userId, null, since, null, limit);
  }

  // Store a message: what to tell the members, what to answer the sender, and who the members are.
  async sendMessage(userId, conversationId, message, clientId = null) {
    const draft = { message, client_id: clientId };
    const sent = await this.#call(SEND_MESSAGE, userId, null, conversationId, draft);
    const memberIds = sent.announce ? await this.#memberIds(conversationId, sent.audience_version) : [];
    return { announce: sent.announce ? sent.result : null, result: sent.result, memberIds };
  }

  // The members as of this version or a later one, fetched when they have changed.
  async #memberIds(conversationId, version) {
    let audience = this.#audiences.get(conversationId);
    if (!audience || audience.audience_version < version) {
      audience = await this.#call(GET_AUDIENCE, conversationId);
      this.#audiences.set(conversationId, audience);
    }
    return audience.user_ids;
  }

  async #call(prepared, ...values) {
    const { rows } = await this.#pool.query({ ...prepared, values });
    return rows[0].answer;
  }
}
