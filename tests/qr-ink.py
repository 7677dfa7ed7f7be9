#!/usr/bin/env python3
"""Which ASCII characters a QR code is best drawn with: the measurement behind crates/login/src/qr/text.rs.

    apt-get install zbar-tools fonts-dejavu-core fonts-liberation fonts-noto-mono
    python3 -m venv v && v/bin/pip install pillow qrcode
    v/bin/python tests/qr-ink.py MM @@ '##' '[]' '{}'

Draws two codes as a terminal would, two characters a module, in three fonts of three sizes, blurs them by up to
half a module and shrinks them to eight pixels a module, as a camera does, and counts what zbar reads.
"""
import io
import subprocess
import sys

import qrcode
from PIL import Image, ImageDraw, ImageFilter, ImageFont

FONTS = [
    "/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf",
    "/usr/share/fonts/truetype/liberation/LiberationMono-Regular.ttf",
    "/usr/share/fonts/truetype/noto/NotoMono-Regular.ttf",
]
SIZES = [12, 16, 24]
BLURS = [0, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45]
EDGE = 2


def modules(payload):
    code = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_M, border=4)
    code.add_data(payload)
    code.make()
    return code.get_matrix()


def screen(rows, ink, on_dark, font, size):
    font = ImageFont.truetype(font, size)
    width, height = round(font.getlength("0")), sum(font.getmetrics())
    paper, pen = (0, 255) if on_dark else (255, 0)
    side = len(rows) + 2 * EDGE
    picture = Image.new("L", (2 * side * width, side * height), paper)
    draw = ImageDraw.Draw(picture)
    for y, row in enumerate(rows):
        for x, dark in enumerate(row):
            if dark == on_dark:
                continue
            for half, sign in enumerate(ink):
                draw.text(((2 * (x + EDGE) + half) * width, (y + EDGE) * height), sign, font=font, fill=pen)
    return picture, height


def is_read(picture):
    png = io.BytesIO()
    picture.save(png, "PNG")
    options = ["--quiet", "--nodbus", "--raw", "-Sdisable", "-Sqrcode.enable", "-Sbinary"]
    done = subprocess.run(["zbarimg", *options, "-"], input=png.getvalue(), capture_output=True)
    return done.returncode == 0 and len(done.stdout) > 5


def main():
    codes = [modules(b"GAQT12345678\0" + bytes(range(count))) for count in (7, 16)]
    for on_dark in (True, False):
        for ink in sys.argv[1:]:
            read = of = 0
            for font in FONTS:
                for size in SIZES:
                    for code in codes:
                        sharp, height = screen(code, ink, on_dark, font, size)
                        for blur in BLURS:
                            picture = sharp.filter(ImageFilter.GaussianBlur(blur * height))
                            scale = 8 / height
                            small = (round(picture.width * scale), round(picture.height * scale))
                            read += is_read(picture.resize(small, Image.LANCZOS))
                            of += 1
            print("on dark" if on_dark else "on light", ink, f"{read} of {of}", flush=True)


main()
