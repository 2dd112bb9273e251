// Where one is, in the address: #/c/<conversation>, #/invite/<code>.
import { useEffect, useState } from "../html.js";

const read = () => {
  const [, kind, value] = location.hash.split("/");
  return { kind: kind ?? "", value: value ? decodeURIComponent(value) : "" };
};

export function go(path = "") {
  location.hash = `#/${path}`;
}

export function useRoute() {
  const [route, setRoute] = useState(read);
  useEffect(() => {
    const change = () => setRoute(read());
    addEventListener("hashchange", change);
    return () => removeEventListener("hashchange", change);
  }, []);
  return route;
}
