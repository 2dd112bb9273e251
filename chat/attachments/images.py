"""Images are measured, turned upright and made anew without what they say of their maker; and thumbnails.

Everything here computes for long: run it in a thread.
"""

from typing import IO, Any, NamedTuple

from PIL import Image, ImageOps

from .strip import strip

#: Pixels of an image: a telephone's 48 megapixels fit. Each takes four bytes while it is worked on, twice that if the
#: image is turned.
MAX_PIXELS = 50_000_000
#: Pixels that a thumbnail is wide and high at most.
THUMBNAIL = 480

FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/gif": "GIF", "image/webp": "WEBP"}
#: Of what a file says of itself: what its colours need.
KEPT = ("icc_profile", "transparency", "gamma")

Image.MAX_IMAGE_PIXELS = None  # we ask ourselves, before anything is decoded


class BadImage(ValueError):
    """An image that is not taken; the text says why."""


class Measured(NamedTuple):
    """The size of an image, and the type of its thumbnail."""

    width: int
    height: int
    thumbnail_type: str


def renew(source: IO[bytes], type: str, target: IO[bytes], thumbnail: IO[bytes]) -> Measured:
    """Write an image, without its metadata, to `target` and a small one to `thumbnail`. Raises `BadImage`."""
    try:
        return _renew(source, type, target, thumbnail)
    except BadImage:
        raise
    except OSError as error:
        if error.errno is not None:  # of the disk, not of the image
            raise
        raise BadImage("The image is damaged.") from error
    except Exception as error:  # whatever a broken file may do to a decoder
        raise BadImage("The image is damaged.") from error


def _renew(source: IO[bytes], type: str, target: IO[bytes], thumbnail: IO[bytes]) -> Measured:
    source.seek(0)
    is_lossless = b"VP8L" in source.read(64)
    with Image.open(source, formats=(FORMATS[type],)) as image:
        if image.width * image.height > MAX_PIXELS:
            raise BadImage(f"The image has more than {MAX_PIXELS // 1_000_000} million pixels.")
        is_kept = type == "image/gif" or (type != "image/jpeg" and getattr(image, "is_animated", False))
        image.seek(0)
        image.load()
        upright = image if is_kept else ImageOps.exif_transpose(image)
        if not is_kept:
            _write(image, upright, type, is_lossless, target)
        thumbnail_type = _write_thumbnail(upright, thumbnail)
    if is_kept:
        strip(source, target, type)
    return Measured(upright.width, upright.height, thumbnail_type)


def _write(image: Any, upright: Image.Image, type: str, is_lossless: bool, target: IO[bytes]) -> None:
    options: dict[str, Any] = {"exif": b"", "icc_profile": upright.info.get("icc_profile")}
    if type == "image/jpeg":
        is_turned = image.getexif().get(0x0112, 1) != 1
        # The same tables lose next to nothing; a turned image has lost its own.
        options |= {"quality": "keep" if image.format == "JPEG" and not is_turned else 92, "comment": b""}
    elif type == "image/webp":
        options |= {"lossless": is_lossless, "quality": 70 if is_lossless else 90, "xmp": b""}
    renewed = image if options.get("quality") == "keep" else upright
    renewed.info = {name: value for name, value in renewed.info.items() if name in KEPT}
    renewed.save(target, FORMATS[type], **options)


def _write_thumbnail(image: Image.Image, thumbnail: IO[bytes]) -> str:
    if image.mode.startswith("I"):  # 16 bits of grey
        image = image.point(lambda value: value / 256).convert("L")
    has_alpha = image.has_transparency_data
    small = image.convert("RGBA" if has_alpha else "RGB")
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    small.info = {}
    if has_alpha:
        small.save(thumbnail, "PNG")
        return "image/png"
    small.save(thumbnail, "JPEG", quality=80)
    return "image/jpeg"
