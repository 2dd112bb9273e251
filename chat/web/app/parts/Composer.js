import { html, useEffect, useLayoutEffect, useRef, useState } from "../html.js";
import { useChat } from "../context.js";
import { attempt } from "../lib/notices.js";
import { forEditing, plainText, withIds } from "../lib/text.js";
import { useUploads } from "../lib/uploads.js";
import { Icon } from "./Icon.js";
import { IconButton } from "./IconButton.js";
import { Later } from "./Later.js";
import { MentionList, mentionAt } from "./MentionList.js";

const NOTHING = { reply: null, edited: null };
const drafts = new Map(); // what was begun, by conversation or thread

/** Where one writes: a message, an answer, a reply of a thread, or a message anew. */
export function Composer({ about, me, names, answering = NOTHING, threadId = null, onDone, onEditLast, isClosed }) {
  const chat = useChat();
  const place = threadId ?? about.id;
  const [text, setText] = useState(() => drafts.get(place)?.text ?? "");
  const [picked, setPicked] = useState(() => drafts.get(place)?.picked ?? []);
  const [caret, setCaret] = useState(0);
  const [isLater, setLater] = useState(false);
  const uploads = useUploads();
  const area = useRef(null);
  const chooser = useRef(null);
  const { reply, edited } = answering;
  const mention = mentionAt(text, caret);

  useEffect(() => void (matchMedia("(pointer: fine)").matches && area.current?.focus()), []);
  useEffect(() => {
    if (edited) set(forEditing(edited.message, names));
    if (edited || reply) area.current?.focus();
  }, [edited, reply]);
  useLayoutEffect(() => {
    if (!area.current) return;
    area.current.style.height = "auto";
    area.current.style.height = `${Math.min(area.current.scrollHeight, 200)}px`;
  }, [text]);

  function set(next) {
    setText(next.text);
    setPicked(next.picked);
    if (!edited) drafts.set(place, next);
  }

  function change(event) {
    set({ text: event.target.value, picked });
    setCaret(event.target.selectionStart);
    if (event.target.value && !edited) chat.typing(about.id);
  }

  function cancel() {
    if (edited) set(drafts.get(place) ?? { text: "", picked: [] });
    onDone?.();
    area.current.focus();
  }

  function send(event) {
    event?.preventDefault();
    if (isEmpty || uploads.isBusy) return;
    if (edited) attempt(() => chat.edit(edited, withIds(text.trim(), picked)));
    else chat.send(about.id, written());
    clear();
  }

  function clear() {
    drafts.delete(place);
    setText("");
    setPicked([]);
    uploads.clear();
    onDone?.();
    area.current.focus();
  }

  const isEmpty = !text.trim() && !uploads.files.length;
  const written = () => ({
    ...(text.trim() && { message: withIds(text.trim(), picked) }),
    ...(reply && { reply_to: reply.id }),
    ...(threadId && { thread_id: threadId }),
    ...(uploads.files.length && { attachments: uploads.files.map((each) => each.id) }),
  });

  function pick(user) {
    const before = text.slice(0, mention.start);
    const end = `${before}@${user.username} `;
    set({ text: end + text.slice(caret), picked: [...picked.filter((each) => each.id !== user.id), { id: user.id, username: user.username }] });
    setCaret(end.length);
    requestAnimationFrame(() => area.current.setSelectionRange(end.length, end.length));
    area.current.focus();
  }

  function press(event) {
    if (chooser.current?.(event)) return;
    if (event.key === "Escape" && (edited || reply)) cancel();
    else if (event.key === "ArrowUp" && !text && onEditLast) {
      event.preventDefault();
      onEditLast();
    } else if (event.key === "Enter" && !event.shiftKey && !event.isComposing && matchMedia("(pointer: fine)").matches) send(event);
  }

  function paste(event) {
    if (!event.clipboardData.files.length) return;
    event.preventDefault();
    uploads.add(event.clipboardData.files);
  }

  if (isClosed) return html`<p class="composer soft closed">Only the owner and the admins may write here.</p>`;
  return html`
    <form class="composer" onSubmit=${send} onDragOver=${(event) => event.preventDefault()} onDrop=${(event) => (event.preventDefault(), uploads.add(event.dataTransfer.files))}>
      ${(reply || edited) &&
      html`<div class="about"><span><strong>${edited ? "Editing" : `Answering ${reply.users.username}`}</strong> ${plainText((edited ?? reply).message, names)}</span>
        <${IconButton} icon="close" label="Cancel" onClick=${cancel} /></div>`}
      ${uploads.files.length > 0 &&
      html`<ul class="uploads">${uploads.files.map(
        (file) => html`<li key=${file.key}><${Icon} name="file" />${file.name}${!file.id && " …"}<${IconButton} icon="close" label=${`Remove ${file.name}`} onClick=${() => uploads.remove(file.key)} /></li>`,
      )}</ul>`}
      ${mention && html`<${MentionList} keys=${chooser} part=${mention.part} people=${about.participants.filter((each) => each.id !== me)} onPick=${pick} />`}
      <div class="line">
        ${!edited && html`<label class="icon-button" title="Attach files"><${Icon} name="add" /><input class="unseen" type="file" multiple aria-label="Attach files" onChange=${(event) => (uploads.add(event.target.files), (event.target.value = ""))} /></label>`}
        <textarea ref=${area} rows="1" maxlength="10000" placeholder=${threadId ? "Reply in the thread" : "Write a message"} aria-label=${threadId ? "Reply in the thread" : "Message"} value=${text}
          onInput=${change} onKeyDown=${press} onPaste=${paste} onBlur=${() => chat.typing(about.id, false)} onSelect=${(event) => setCaret(event.target.selectionStart)}></textarea>
        ${!edited && html`<${IconButton} icon="clock" label="Send later" disabled=${uploads.isBusy} onClick=${() => setLater(true)} />`}
        <${IconButton} icon="send" label=${edited ? "Save" : "Send"} type="submit" disabled=${isEmpty || uploads.isBusy} />
      </div>
    </form>
    ${isLater && html`<${Later} about=${about} names=${names} message=${isEmpty ? null : written()} onSent=${clear} onClose=${() => setLater(false)} />`}
  `;
}
