"""What the tests of attachments share: uploads, pictures, and reading."""

from io import BytesIO
from typing import Any

from flask.testing import FlaskClient
from PIL import Image
from werkzeug.test import TestResponse

User = dict[str, Any]
MULTIPART = "multipart/form-data; boundary=b0und4ry"
SECRET = "where it was taken"


def upload(client: FlaskClient, user: User, data: bytes, filename: str = "a.bin", **fields: str) -> TestResponse:
    """Upload a file in open mode."""
    body = multipart(data, filename, user_id=user["id"], **fields)
    return client.post("/attachments", data=body, content_type=MULTIPART)


def multipart(data: bytes, filename: str = "a.bin", **fields: str) -> bytes:
    """Return a body with a file, as browsers write it."""
    parts = [f'name="{name}"\r\n\r\n{value}'.encode() for name, value in fields.items()]
    parts.append(b'name="file"; filename="%b"\r\n\r\n%b' % (filename.encode(), data))
    return (
        b"".join(b"--b0und4ry\r\nContent-Disposition: form-data; %b\r\n" % part for part in parts) + b"--b0und4ry--\r\n"
    )


def uploaded(client: FlaskClient, user: User, data: bytes = b"some text", name: str = "a.txt") -> dict[str, Any]:
    """Return a new attachment."""
    response = upload(client, user, data, name)
    assert response.status_code == 200, response.text
    attachment: dict[str, Any] = response.json
    return attachment


def read(client: FlaskClient, user: User, url: str, **headers: str) -> TestResponse:
    """Read a file in open mode."""
    with client.get(f"{url}?user_id={user['id']}", headers=headers) as response:
        response.get_data()
        return response


def exif(orientation: int) -> Image.Exif:
    """Return what a camera notes."""
    noted = Image.Exif()
    noted[0x0112] = orientation
    noted[0x010E] = SECRET
    return noted


def picture(format: str, size: tuple[int, int] = (60, 40), mode: str = "RGB", **options: Any) -> bytes:
    """Return an image whose left half is dark."""
    image = Image.new(mode, size, "white")
    image.paste("navy", (0, 0, size[0] // 2, size[1]))
    file = BytesIO()
    image.save(file, format, **options)
    return file.getvalue()
