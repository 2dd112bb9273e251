"""What a file is, by its first bytes: what its sender calls it counts for nothing."""

import re

#: Bytes that are enough to say so.
HEAD = 4096

UNKNOWN = "application/octet-stream"
#: Images that are measured and made anew.
IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")
#: What browsers may show on a page of ours. Everything else is a download.
INLINE = (
    *IMAGES,
    "video/mp4",
    "video/webm",
    "audio/mpeg",
    "audio/mp4",
    "audio/ogg",
    "audio/wav",
    "audio/flac",
)

MAGIC: list[tuple[bytes, str]] = [
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"%PDF-", "application/pdf"),
    (b"PK\3\4", "application/zip"),
    (b"PK\5\6", "application/zip"),
    (b"\x1f\x8b", "application/gzip"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\7", "application/vnd.rar"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"\xff\xf3", "audio/mpeg"),
    (b"\xff\xf2", "audio/mpeg"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
    (b"\x1a\x45\xdf\xa3", "video/webm"),
]
#: After `RIFF` and a length.
RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
#: The first brand after `ftyp`; others are films.
BRANDS = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"mif1": "image/heif",
    b"M4A ": "audio/mp4",
    b"M4B ": "audio/mp4",
    b"qt  ": "video/quicktime",
    b"3gp4": "video/3gpp",
    b"3gp5": "video/3gpp",
}
#: What kind of archive a name says: the contents are no more than `application/zip`.
ZIPS = {
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "odt": "application/vnd.oasis.opendocument.text",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "odp": "application/vnd.oasis.opendocument.presentation",
    "epub": "application/epub+zip",
}
TEXTS = {"csv": "text/csv", "json": "application/json", "md": "text/markdown"}

SVG = re.compile(rb"<svg[\s>]", re.IGNORECASE)
HTML = re.compile(
    rb"<!doctype\s+html|<(html|head|body|script|iframe|style|title|meta|h1|div|a|p|img)[\s/>]", re.IGNORECASE
)


def sniff(head: bytes, name: str) -> str:
    """Return the media type of a file that begins with `head`; its name decides only between kinds of one format."""
    extension = name.rpartition(".")[2].lower()
    for magic, type in MAGIC:
        if head.startswith(magic):
            return ZIPS.get(extension, type) if type == "application/zip" else type
    if head[:4] == b"RIFF":
        return RIFF.get(head[8:12], UNKNOWN)
    if head[4:8] == b"ftyp":
        return BRANDS.get(head[8:12], "video/mp4")
    return _text(head, extension)


def _text(head: bytes, extension: str) -> str:
    if SVG.search(head):
        return "image/svg+xml"
    if HTML.search(head):
        return "text/html"
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        if len(head) < HEAD or error.start < HEAD - 3:  # at the end of many bytes a character may be cut in two
            return UNKNOWN
        text = head[: error.start].decode()
    if any(character < " " and character not in "\t\n\r\f\x1b" for character in text):
        return UNKNOWN
    if text.lstrip("\ufeff \t\r\n").startswith("<?xml"):
        return "application/xml"
    return TEXTS.get(extension, "text/plain")
