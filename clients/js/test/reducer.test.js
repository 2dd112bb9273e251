// The rules of docs/clients.md, one by one.
import assert from "node:assert/strict";
import { test } from "node:test";
import { gaps, shownMessages } from "../dist/chat.js";
import { about, after, answer, event, ID, letter, ME, message, OTHER, set, synced, three, whole } from "./samples.js";

const known = (state) => state.conversations[ID];
const seqs = (state) => known(state).messages.map((each) => each.seq);
const texts = (state) => known(state).messages.map((each) => each.message);

test("the next version is applied, a known one is dropped", () => {
  const state = after(three, event("message", message(4, 5)), event("message", message(4, 5, { message: "again" })));
  assert.deepEqual([known(state).version, seqs(state), known(state).about.unread_count], [5, [1, 2, 3, 4], 4]);
  assert.equal(known(state).messages[3].message, "text 4");
});

test("what lies beyond a gap waits, and a sync that closes the gap lets it follow", () => {
  const held = after(three, event("message", message(5, 6)), event("message", message(6, 7)));
  assert.deepEqual([known(held).version, seqs(held), gaps(held)], [4, [1, 2, 3], [ID]]);
  const closed = after(three, event("message", message(5, 6)), event("message", message(4, 5)));
  assert.deepEqual([known(closed).version, seqs(closed), gaps(closed)], [6, [1, 2, 3, 4, 5], []]);
  const state = after(three, event("message", message(6, 7)), event("message", message(5, 6)), synced([whole([message(4, 5)])]));
  assert.deepEqual([known(state).version, seqs(state), gaps(state)], [7, [1, 2, 3, 4, 5, 6], []]);
});

test("an event that stands for several versions is applied when the first of them is the next", () => {
  const burst = { ...message(2, 7, { reactions: [{ emoji: "👍", count: 3, user_ids: [ME] }] }), from_version: 5 };
  const state = after(three, event("messageUpdated", burst));
  assert.equal(known(state).version, 7);
  assert.deepEqual(known(state).messages[1].reactions, [{ emoji: "👍", count: 3, user_ids: [ME], me: true }]);
  assert.equal(known(after(three, event("messageUpdated", { ...burst, version: 8, from_version: 6 }))).version, 4);
  const partly = after(three, event("version", { version: 5 }), event("messageUpdated", burst));
  assert.equal(known(partly).version, 7);
});

test("`version` is a number to take", () => {
  const state = after(three, event("version", { version: 5 }), event("version", { version: 8, from_version: 6 }));
  assert.deepEqual([known(state).version, seqs(state)], [8, [1, 2, 3]]);
});

test("an unknown event with a version is taken by its number", () => {
  assert.equal(known(after(three, event("somethingNew", { version: 5 }))).version, 5);
});

test("recovered: messages are put over the known ones", () => {
  const changed = message(1, 5, { message: "edited" });
  const state = after(three, synced([whole([changed], { version: 5, last_seq: 3 })]));
  assert.deepEqual(texts(state), ["edited", "text 2", "text 3"]);
});

test("not recovered: the newest page is a new beginning", () => {
  const state = after(three, synced([whole([message(8, 9), message(9, 10)], { recovered: false })]));
  assert.deepEqual([seqs(state), known(state).first_seq, known(state).has_older], [[8, 9], 8, true]);
});

test("an answer that is older than the events takes nothing back", () => {
  const late = [message(4, 5), message(5, 6)].map((each) => event("message", each));
  for (const recovered of [true, false]) {
    const state = after(three, ...late, synced([whole([message(3, 4), message(4, 5)], { recovered })]));
    assert.equal(known(state).version, 6);
    assert.deepEqual(seqs(state), recovered ? [1, 2, 3, 4, 5] : [3, 4, 5]);
    assert.equal(known(state).about.unread_count, 5);
    assert.equal(known(state).about.last_seq, 5);
  }
});

test("unchanged: only counters", () => {
  const { id, version, last_seq, oldest_seq } = about({ version: 4, last_seq: 3 });
  const counters = { unread_count: 1, last_read_seq: 2, last_delivered_seq: 3, pinned: true, archived: false, muted_until: null, notifications: null };
  const state = after(three, synced([{ id, version, last_seq, oldest_seq, ...counters }]));
  assert.deepEqual([seqs(state), known(state).about.unread_count, known(state).about.pinned], [[1, 2, 3], 1, true]);
});

test("a cursor that promises more than is here is given up", () => {
  const { id, version } = about({ version: 9 });
  const ahead = after(three, synced([{ id, version, last_seq: 8, unread_count: 0, last_read_seq: 0, last_delivered_seq: 0 }]));
  assert.deepEqual([ahead.cursor, ahead.needs_sync], [null, true]);
  const unknown = after(synced([{ id, version, last_seq: 8 }]));
  assert.deepEqual([unknown.cursor, unknown.needs_sync, unknown.conversations], [null, true, {}]);
});

test("reset: everything is forgotten but what waits to be sent", () => {
  const state = after(three, set({ outbox: [letter()] }), synced([whole([], { id: "d" })], { reset: true }));
  assert.deepEqual([Object.keys(state.conversations), state.outbox.length], [["d"], 1]);
});

test("removed: gone, and nothing older brings it back", () => {
  const gone = event("removedFromConversation", { version: 5 });
  for (const older of [event("message", message(4, 5)), event("newConversation", about()), synced([whole([message(4, 5)], { version: 5 })])]) {
    const state = after(three, gone, older);
    assert.deepEqual([state.conversations, state.needs_sync], [{}, false]);
  }
  assert.ok(known(after(three, gone, event("newConversation", about({ version: 6 })))));
  assert.deepEqual(after(three, synced([], { removed: [ID] })).conversations, {});
});

test("a removal that is heard late does not undo that the user was added again", () => {
  const state = after(three, synced([whole([message(9, 10)], { recovered: false })]), event("conversationDeleted", { version: 6 }));
  assert.ok(known(state));
});

test("a conversation that was opened while a sync was under way stays, and is asked for again", () => {
  const state = after(event("newConversation", about()), { type: "synced", answer: answer([], { removed: [ID] }), asked: {} });
  assert.ok(known(state) && state.needs_sync);
});

test("a message of an unknown conversation asks for a sync", () => {
  assert.equal(after(event("message", message(1, 2))).needs_sync, true);
});

test("a deleted message is a tombstone; its quotes and its thread follow", () => {
  const quote = { id: "m1", seq: 1, user_id: OTHER, users: {}, message: "text 1", deleted_at: null };
  const reply = message(4, 5, { reply_to: "m1", quote, thread_id: "m2" });
  const sent = { ...reply, thread: { id: "m2", seq: 2, reply_count: 1, last_reply_at: "now" } };
  const replied = after(three, event("message", sent));
  assert.deepEqual([known(replied).messages[1].reply_count, known(replied).messages[1].version], [1, 5]);
  const state = after(three, event("message", sent), event("messageDeleted", { id: "m1", seq: 1, version: 6, deleted_at: "then", thread: null }));
  const [first, , , last] = known(state).messages;
  assert.deepEqual([first.message, first.deleted_at, last.quote.message, last.quote.deleted_at], ["", "then", "", "then"]);
  const gone = after(three, event("message", sent), event("messageDeleted", { id: "m4", seq: 4, version: 6, deleted_at: "then", thread: { id: "m2", reply_count: 0, last_reply_at: null } }));
  assert.equal(known(gone).messages[1].reply_count, 0);
});

test("reactions come and go", () => {
  const reaction = (version, user_id, added, count) => event("reaction", { message_id: "m1", seq: 1, version, emoji: "👍", user_id, added, count });
  const two = after(three, reaction(5, OTHER, true, 1), reaction(6, ME, true, 2));
  assert.deepEqual(known(two).messages[0].reactions, [{ emoji: "👍", count: 2, user_ids: [OTHER, ME], me: true }]);
  const one = after(three, reaction(5, OTHER, true, 1), reaction(6, ME, true, 2), reaction(7, ME, false, 1));
  assert.deepEqual(known(one).messages[0].reactions, [{ emoji: "👍", count: 1, user_ids: [OTHER], me: false }]);
  assert.deepEqual(known(after(three, reaction(5, OTHER, true, 1), reaction(6, OTHER, false, 0))).messages[0].reactions, []);
});

test("an older page that may be out of date is asked for again", () => {
  const newest = synced([whole([message(3, 4)], { recovered: false })]);
  const page = (asked) => ({ type: "page", conversation_id: ID, messages: [message(1, 2), message(2, 3)], before_seq: 3, asked });
  assert.deepEqual(seqs(after(newest, page(4))), [1, 2, 3]);
  const edited = event("messageUpdated", message(1, 5, { message: "edited" }));
  assert.deepEqual(seqs(after(newest, edited, page(4))), [3]);
  assert.deepEqual(seqs(after(newest, edited, page(5))), [1, 2, 3]);
});

test("replies before the newest messages are kept in step too", () => {
  const newest = synced([whole([message(3, 4)], { recovered: false })]);
  const reply = message(1, 2, { thread_id: "m0" });
  const state = after(newest, { type: "page", conversation_id: ID, messages: [reply], asked: 4 }, event("messageUpdated", { ...reply, version: 5, message: "edited" }));
  assert.deepEqual(texts(state), ["edited", "text 3"]);
  assert.deepEqual([shownMessages(state, ID).length, shownMessages(state, ID, "m0").length], [1, 1]);
});

test("what retention swept is gone, with the quotes of it", () => {
  const quote = { id: "m1", seq: 1, user_id: OTHER, users: {}, message: "text 1", deleted_at: null };
  const quoting = message(3, 4, { reply_to: "m1", quote });
  const state = after(synced([whole([message(1, 2), message(2, 3), quoting])]), synced([{ ...whole([], { version: 4, last_seq: 3, oldest_seq: 3 }), recovered: undefined }]));
  assert.deepEqual([seqs(state), known(state).messages[0].quote], [[3], null]);
});

test("own pointers: reading counts anew, and an answer from before does not take it back", () => {
  const read = event("receipt", { user_id: ME, read_seq: 2, delivered_seq: 2 });
  assert.equal(known(after(three, read)).about.unread_count, 1);
  const older = synced([whole([], { version: 4, last_seq: 3, unread_count: 3 })]);
  const asked = after(three).conversations;
  const state = after(three, read, { ...older, asked });
  assert.deepEqual([known(state).about.last_read_seq, known(state).about.unread_count], [2, 1]);
  const back = after(three, read, event("receipt", { user_id: ME, read_seq: 0, delivered_seq: 2 })); // marked unread elsewhere
  assert.deepEqual([known(back).about.last_read_seq, back.needs_sync], [2, true]);
  assert.equal(known(after(three, read, older)).about.unread_count, 3);
});

test("who sends has read everything before it, also where a sync brings the message", () => {
  const read = (state) => known(state).receipts[OTHER].read_seq;
  assert.equal(read(after(three, event("message", message(4, 5)))), 4);
  assert.equal(read(after(three, synced([whole([message(4, 5)])]))), 4);
});

test("own settings have no version", () => {
  const settings = event("conversationSettings", { pinned: true, archived: false, muted_until: null, notifications: "none" });
  const state = after(three, settings);
  assert.deepEqual([known(state).about.pinned, known(state).version, state.needs_sync], [true, 4, true]); // an answer that is under way may be older
});

test("a system message is unread for nobody, a text brings an archived conversation back", () => {
  const state = after(three, event("message", message(4, 5, { type: "system" })));
  assert.equal(known(state).about.unread_count, 3);
  const archived = synced([whole([message(1, 2)], { archived: true })]);
  assert.equal(known(after(archived, event("message", message(2, 3, { type: "system" })))).about.archived, true);
  assert.equal(known(after(archived, event("message", message(2, 3)))).about.archived, false);
  const muted = synced([whole([message(1, 2)], { archived: true, muted_until: "2099-01-01T00:00:00+00:00" })]);
  assert.equal(known(after(muted, event("message", message(2, 3)))).about.archived, true);
});

test("an acknowledged message is shown while a gap before it is being closed", () => {
  const sent = { ...message(5, 6), user_id: ME, client_id: "x" };
  const waiting = after(three, set({ outbox: [letter({ ...sent, status: "sent" })] }), event("message", sent));
  assert.deepEqual(shownMessages(waiting, ID).map((each) => each.id), ["m1", "m2", "m3", "m5"]);
  const closed = after(three, set({ outbox: [letter({ ...sent, status: "sent" })] }), event("message", sent), event("message", message(4, 5)));
  assert.deepEqual([seqs(closed), closed.outbox], [[1, 2, 3, 4, 5], []]);
});

test("another user's answer replaces everything, what waits to be sent included", () => {
  const state = after(three, set({ outbox: [letter()] }), synced([whole([], { id: "d" })], { user: { id: OTHER } }));
  assert.deepEqual([state.me.id, state.conversations, state.outbox, state.cursor, state.needs_sync], [OTHER, {}, [], null, true]);
});

test("typing ends with its time, or with the message", () => {
  const typing = event("typing", { user_id: OTHER, is_typing: true, expires_in: 7 });
  assert.deepEqual(after(three, typing).typing, { [ID]: { [OTHER]: 8000 } });
  assert.deepEqual(after(three, typing, event("typing", { user_id: OTHER, is_typing: false, expires_in: 0 })).typing[ID], {});
  assert.deepEqual(after(three, typing, event("message", message(4, 5))).typing[ID], {});
});

test("a profile is taken wherever the person is shown", () => {
  const state = after(three, { type: "event", name: "userUpdated", data: { id: OTHER, username: "new", avatar_url: "a.png" }, at: 0 });
  assert.deepEqual(known(state).messages[0].users, { id: OTHER, username: "new", avatar_url: "a.png" });
  assert.equal(known(state).about.participants[1].username, "new");
});
