// Files of messages: fetched as the user, shown from memory, so that no address with a token in it is ever made.
import { keptSession, url } from "../session.js";

const MOST = 200;
const loaded = new Map(); // path → promise of an address

export function fileAddress(path) {
  let address = loaded.get(path);
  if (!address) {
    address = load(path);
    address.catch(() => loaded.delete(path));
  }
  loaded.delete(path);
  loaded.set(path, address); // the ones that were used last stay
  if (loaded.size > MOST) drop(loaded.keys().next().value);
  return address;
}

async function load(path) {
  const { id, token } = keptSession();
  const target = token ? url + path : `${url}${path}?user_id=${id}`;
  const response = await fetch(target, { headers: token ? { Authorization: `Bearer ${token}` } : {} });
  if (!response.ok) throw new Error(`The server answers ${response.status}.`);
  return URL.createObjectURL(await response.blob());
}

function drop(path) {
  loaded.get(path).then(URL.revokeObjectURL, () => {});
  loaded.delete(path);
}

export async function download({ url: path, name }) {
  const link = document.createElement("a");
  link.href = await fileAddress(path);
  link.download = name;
  link.click();
}
