// Files that are on their way into a message.
import { useState } from "../html.js";
import { useChat } from "../context.js";
import { notify } from "./notices.js";

const MOST = 10;

export function useUploads() {
  const chat = useChat();
  const [files, setFiles] = useState([]);
  const update = (key, change) => setFiles((all) => all.map((each) => (each.key === key ? { ...each, ...change } : each)));

  function add(list) {
    const chosen = [...list].slice(0, MOST - files.length);
    if (chosen.length < list.length) notify(`A message takes ${MOST} files at most.`);
    for (const file of chosen) {
      const key = crypto.randomUUID?.() ?? String(Math.random());
      setFiles((all) => [...all, { key, name: file.name, id: null }]);
      chat.upload(file, file.name).then(
        ({ id }) => update(key, { id }),
        (error) => {
          notify(`${file.name} was not uploaded: ${error.message}`);
          remove(key);
        },
      );
    }
  }

  const remove = (key) => setFiles((all) => all.filter((each) => each.key !== key));
  return { files, add, remove, clear: () => setFiles([]), isBusy: files.some((each) => !each.id) };
}
