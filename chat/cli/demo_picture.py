"""A picture for the demo, drawn so that none has to be kept here."""

from io import BytesIO

WIDTH, HEIGHT, HORIZON = 960, 540, 230


def draw() -> bytes:
    """Return a vegetable bed in the morning, as a PNG."""
    from PIL import Image, ImageDraw  # takes 10 MB, which no other command needs

    image = Image.new("RGB", (WIDTH, HEIGHT))
    pen = ImageDraw.Draw(image)
    for y in range(HORIZON):
        light = y / HORIZON
        pen.line((0, y, WIDTH, y), fill=(int(96 + 150 * light), int(150 + 70 * light), int(214 - 30 * light)))
    pen.ellipse((690, 90, 790, 190), fill=(255, 240, 190))
    pen.polygon([(0, HORIZON), (260, 150), (520, HORIZON), (760, 180), (WIDTH, HORIZON)], fill=(88, 122, 96))
    pen.rectangle((0, HORIZON, WIDTH, HEIGHT), fill=(96, 70, 52))
    for row in range(5):
        top = HORIZON + 24 + row * row * 14 + row * 6
        size = 12 + row * 7
        pen.rectangle((0, top + size, WIDTH, top + size + 4 + row * 2), fill=(74, 52, 38))
        for x in range(size, WIDTH, size * 3):
            for lean in (-size, 0, size):
                pen.ellipse(
                    (x + lean - size // 2, top - size // 3, x + lean + size // 2, top + size),
                    fill=(64, 140 - row * 8, 66),
                )
            if row > 1:
                pen.ellipse((x - 6, top + size // 2, x + 8, top + size // 2 + 14), fill=(206, 62, 44))
    out = BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
