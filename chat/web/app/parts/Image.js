import { html, useEffect, useState } from "../html.js";
import { download, fileAddress } from "../lib/files.js";
import { attempt } from "../lib/notices.js";
import { Dialog } from "./Dialog.js";

const LARGEST = 320;

/** An image in the place that its measures promise, so that nothing moves when it comes. */
export function Image({ file }) {
  const [address, setAddress] = useState("");
  const [hasFailed, setFailed] = useState(false);
  const [isLarge, setLarge] = useState(false);
  useEffect(() => void fileAddress(file.thumbnail_url).then(setAddress, () => setFailed(true)), [file.thumbnail_url]);
  const scale = Math.min(1, LARGEST / file.width, LARGEST / file.height);
  const [width, height] = [Math.round(file.width * scale), Math.round(file.height * scale)];
  return html`
    <button type="button" class="image" style=${{ width: `${width}px`, aspectRatio: `${width} / ${height}` }} aria-label=${`Open ${file.name}`} onClick=${() => setLarge(true)}>
      ${address && html`<img src=${address} alt=${file.name} width=${width} height=${height} />`}${hasFailed && file.name}
    </button>
    ${isLarge && html`<${Large} file=${file} small=${address} onClose=${() => setLarge(false)} />`}
  `;
}

function Large({ file, small, onClose }) {
  const [address, setAddress] = useState(small);
  useEffect(() => void fileAddress(file.url).then(setAddress, () => {}), [file.url]);
  return html`
    <${Dialog} title=${file.name} onClose=${onClose}>
      <img class="large" src=${address} alt=${file.name} width=${file.width} height=${file.height} />
      <div class="buttons"><button type="button" onClick=${() => attempt(() => download(file))}>Save</button></div>
    </${Dialog}>
  `;
}
