"""Small, whole files of every accepted type, built by the rules of their formats, and files with a fault."""

import struct
import zlib


def box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + name + content


def _track(handler: bytes) -> bytes:
    return box(b"trak", box(b"mdia", box(b"hdlr", bytes(8) + handler + bytes(13))))


def index(*handlers: bytes) -> bytes:
    """The box that a recorder writes last: one track for each handler."""
    return box(b"moov", box(b"mvhd", bytes(100)) + b"".join(map(_track, handlers)))


def mp4(*handlers: bytes, brand: bytes = b"isom", media: int = 2_000) -> bytes:
    return box(b"ftyp", brand + bytes(4) + brand) + box(b"mdat", b"\x5a" * media) + index(*handlers)


def heic(brand: bytes = b"heic") -> bytes:
    return box(b"ftyp", brand + bytes(4) + brand) + box(b"meta", bytes(60)) + box(b"mdat", bytes(200))


def element(ident: bytes, content: bytes, *, open_ended: bool = False) -> bytes:
    length = b"\x01" + b"\xff" * 7 if open_ended else struct.pack(">Q", len(content) | 1 << 56)
    return ident + length + content


def webm(track_type: int, *, doc_type: bytes = b"webm", open_ended: bool = False) -> bytes:
    entry = element(b"\xae", element(b"\xd7", b"\x01") + element(b"\x83", bytes([track_type])))
    info = element(b"\x15\x49\xa9\x66", bytes(20))
    cluster = element(b"\x1f\x43\xb6\x75", b"\xa3" * 500)
    inside = info + element(b"\x16\x54\xae\x6b", entry) + cluster
    header = element(b"\x1a\x45\xdf\xa3", element(b"\x42\x82", doc_type))
    return header + element(b"\x18\x53\x80\x67", inside, open_ended=open_ended)


def ogg(codec: bytes = b"OpusHead") -> bytes:
    def page(flags: int, content: bytes) -> bytes:
        lengths = bytes([255] * (len(content) // 255) + [len(content) % 255])
        return b"OggS\0" + bytes([flags]) + bytes(20) + bytes([len(lengths)]) + lengths + content

    return page(2, codec + bytes(11)) + page(0, b"\x77" * 900) + page(4, b"\x77" * 300)


def wav(*, is_open: bool = False) -> bytes:
    data = b"\x11\x22" * 400
    fmt = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16)
    body = b"WAVE" + fmt + b"data" + struct.pack("<I", 0xFFFFFFFF if is_open else len(data)) + data
    return b"RIFF" + struct.pack("<I", 0xFFFFFFFF if is_open else len(body)) + body


def caf() -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        return name + struct.pack(">q", len(content)) + content

    return b"caff\0\x01\0\0" + chunk(b"desc", bytes(32)) + chunk(b"data", bytes(500))


def flac() -> bytes:
    return b"fLaC\x80\0\0\x22" + bytes(34) + b"\xff\xf8" + bytes(100)


def aac() -> bytes:
    frame = bytes([0xFF, 0xF1, 0x50, 0x80, 100 >> 3, (100 & 7) << 5 | 0x1F, 0xFC]) + b"\x21" * 93
    return frame * 5


def mp3(*, tagged: bool = True) -> bytes:
    frame = b"\xff\xfb\x90\x00" + b"\x33" * 413  # 128 kbit/s at 44.1 kHz
    return (b"ID3\x04\0\0\0\0\0\x0a" + bytes(10) if tagged else b"") + frame * 4 + b"TAG" + bytes(125)


def amr(*, wide: bool = False) -> bytes:
    if wide:
        return b"#!AMR-WB\n" + (b"\x14" + bytes(32)) * 4  # 12.65 kbit/s
    return b"#!AMR\n" + (b"\x3c" + bytes(31)) * 4  # 12.2 kbit/s


def jpeg(*, trailer: bytes = b"") -> bytes:
    def segment(marker: int, content: bytes) -> bytes:
        return bytes([0xFF, marker]) + struct.pack(">H", 2 + len(content)) + content

    heads = segment(0xE1, b"Exif\0\0\xff\xd8\xff\xd9") + segment(0xC0, bytes(15)) + segment(0xDA, bytes(10))
    return b"\xff\xd8" + heads + b"\x12\xff\x00\x34" * 300 + b"\xff\xd9" + trailer


def png(*, width: int = 1) -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = struct.pack(">IIBBBBB", width, 1, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0\x80")) + chunk(b"IEND", b"")


def webp() -> bytes:
    return b"RIFF" + struct.pack("<I", 4 + 8 + 100) + b"WEBPVP8 " + struct.pack("<I", 100) + bytes(100)


AUDIO = {
    "audio/mp4": mp4(b"soun", brand=b"M4A "),
    "audio/3gpp": mp4(b"soun", brand=b"3gp4"),
    "audio/webm": webm(2),
    "audio/x-matroska": webm(2, doc_type=b"matroska"),
    "audio/ogg": ogg(),
    "audio/wav": wav(),
    "audio/x-caf": caf(),
    "audio/flac": flac(),
    "audio/aac": aac(),
    "audio/mpeg": mp3(),
    "audio/amr": amr(),
    "audio/amr-wb": amr(wide=True),
}
VIDEO = {
    "video/mp4": mp4(b"vide", b"soun"),
    "video/3gpp": mp4(b"soun", b"vide", brand=b"3gp5"),
    "video/quicktime": mp4(b"vide", brand=b"qt  "),
    "video/webm": webm(1, open_ended=True),
    "video/ogg": ogg(b"\x80theora"),
}
PHOTO = {
    "image/jpeg": jpeg(),
    "image/png": png(),
    "image/webp": webp(),
    "image/heic": heic(),
    "image/avif": heic(b"avif"),
}
