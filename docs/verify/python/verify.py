"""Checks a Stanchion pass: python verify.py JWKS-URL AUDIENCE PASS

Prints the subject and exits 0, or says why not and exits 1. Needs PyJWT 2.10 or newer: pip install "pyjwt[crypto]"
"""

import re
import sys

import jwt

FORM = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


# In a service, make the client once: it remembers the keys.
def verify(keys: jwt.PyJWKClient, audience: str, token: str) -> str:
    if len(token) > 1024 or not FORM.fullmatch(token):
        raise jwt.InvalidTokenError("not a pass")
    if jwt.get_unverified_header(token).get("typ") != "stanchion-pass+jwt":
        raise jwt.InvalidTokenError("not a pass")
    key = keys.get_signing_key_from_jwt(token)
    # The algorithm belongs to the key, never to the token.
    if key.algorithm_name not in ("EdDSA", "ES256"):
        raise jwt.InvalidTokenError("not a key for passes")
    claims = jwt.decode(
        token,
        key,
        algorithms=[key.algorithm_name],
        audience=audience,
        leeway=30,
        options={"require": ["sub", "exp", "nbf", "aud"], "strict_aud": True},
    )
    # PyJWT also takes numbers written as text; a pass has none.
    if not all(type(claims[name]) is int for name in ("exp", "nbf")):
        raise jwt.InvalidTokenError("not a number")
    return claims["sub"]


if __name__ == "__main__":
    url, audience, token = sys.argv[1:]
    try:
        print(verify(jwt.PyJWKClient(url, lifespan=300, timeout=3), audience, token))
    except jwt.PyJWTError as error:
        sys.exit(f"{type(error).__name__}: {error}")
