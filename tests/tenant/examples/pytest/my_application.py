"""In place of your own application: a login with a RSA key of the user's phone."""

import base64
import hashlib
import json
import os
import ssl
import urllib.parse
import urllib.request

# The ASN.1 that goes before a SHA-512 hash in an RSA signature: RFC 8017, section 9.2.
SHA512 = bytes.fromhex("3051300d060960864801650304020305000440")


def log_in(authority, ca, user):
    """Whether the user has approved the login on the phone."""
    context = ssl.create_default_context(cafile=ca)

    def fetch(path, form=None):
        data = form and urllib.parse.urlencode(form).encode()
        url = f"https://{authority}/app/api/authenticator/{path}"
        with urllib.request.urlopen(url, data, timeout=60, context=context) as answer:
            return answer.read().decode()

    lines = fetch("keys/" + urllib.parse.quote(user)).splitlines()
    key = next(line.split()[1] for line in lines if line.startswith("ssh-rsa "))
    blob = base64.b64decode(key)
    fingerprint = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    payload = os.urandom(128)
    answer = json.loads(
        fetch(
            "signPayload",
            {
                "username": user,
                "fingerprint": "SHA256:" + fingerprint,
                "remoteName": "my application",
                "text": "Log in to my application?",
                "authorizeText": "Log in",
                "flags": 4,
                "payload": base64.urlsafe_b64encode(payload).decode(),
            },
        )
    )
    if not answer.get("success") or not answer.get("signature"):
        return False
    signature = answer["signature"]
    signature = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
    return verify(blob, signature, payload)


def verify(blob, signature, payload):
    """Whether an ssh-rsa key has made this PKCS #1 v1.5 signature with SHA-512."""
    fields = []
    while blob:
        length = int.from_bytes(blob[:4], "big")
        fields.append(blob[4 : 4 + length])
        blob = blob[4 + length :]
    exponent, modulus = (int.from_bytes(field, "big") for field in fields[1:3])
    size = (modulus.bit_length() + 7) // 8
    end = b"\0" + SHA512 + hashlib.sha512(payload).digest()
    expected = b"\0\1" + b"\xff" * (size - 2 - len(end)) + end
    signed = pow(int.from_bytes(signature, "big"), exponent, modulus)
    return len(signature) == size and signed.to_bytes(size, "big") == expected
