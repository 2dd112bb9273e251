import { html } from "../html.js";
import { download } from "../lib/files.js";
import { attempt } from "../lib/notices.js";
import { size } from "../lib/text.js";
import { Icon } from "./Icon.js";
import { Image } from "./Image.js";

/** The files of a message: images as images, everything else by its name. */
export const Files = ({ files }) =>
  files.map((file) =>
    file.thumbnail_url
      ? html`<${Image} key=${file.id} file=${file} />`
      : html`<button key=${file.id} type="button" class="file" onClick=${() => attempt(() => download(file))}>
          <${Icon} name="file" /><span>${file.name}</span><span class="soft">${size(file.size)}</span>
        </button>`,
  );
