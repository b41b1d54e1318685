"""What else may be wrong with a request: its headers, its path, its framing, its bytes."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from tests.data_plane.receiving import PIPELINE_ID
from tests.fault.forging import forged
from tests.fault.wire import Request


@dataclass(frozen=True)
class Case:
    """Bytes to send."""

    data: bytes
    whole: bool
    """Whether they are one request with its end, which is answered; otherwise the server may wait
    for more, answer twice, or hang up."""


def case(random: Random) -> Case:
    """Draw a request that must not be accepted."""
    request = forged(random)
    if random.random() < 0.4:
        return Case(request.raw(), whole=True)
    if random.random() < 0.6:
        return Case(random.choice(_HARMLESS)(random, request).raw(), whole=True)
    if random.random() < 0.5:
        request = random.choice(_FRAMING)(random, request)
        return Case(request.raw(), whole=False)
    return Case(random.choice(_BYTES)(random, request.raw()), whole=False)


def with_header(request: Request, name: str, value: str) -> Request:
    """Return it with one header of that name, in its place or at the end."""
    kept = tuple((n, v) for n, v in request.headers if n.lower() != name.lower())
    return replace(request, headers=(*kept, (name, value)))


def doubled(random: Random, request: Request) -> Request:
    names = [header for header in request.headers if header[0] not in {"Content-Length", "Host"}]
    return replace(request, headers=(*request.headers, random.choice(names)))


def in_other_case(random: Random, request: Request) -> Request:
    change = random.choice([str.upper, str.lower, str.swapcase])
    return replace(request, headers=tuple((change(name), v) for name, v in request.headers))


def shuffled(random: Random, request: Request) -> Request:
    return replace(request, headers=tuple(random.sample(request.headers, len(request.headers))))


def huge(random: Random, request: Request) -> Request:
    return with_header(request, "X-Custom", "x" * random.randint(1000, 8000))


def many(random: Random, request: Request) -> Request:
    more = tuple((f"X-{n}", str(n)) for n in range(random.randint(10, 100)))
    return replace(request, headers=request.headers + more)


def of_type(random: Random, request: Request) -> Request:
    types = ("", "text/plain", "application/json; charset=utf-16", "application/xml", "json", "é")
    more = ("multipart/form-data; boundary=x", "application/json;" * 50, 'application/json; a="')
    return with_header(request, "Content-Type", random.choice(types + more))


def encoded(random: Random, request: Request) -> Request:
    kinds = ("gzip", "deflate", "br", "zstd", "identity", "gzip, gzip", "x")
    return with_header(request, "Content-Encoding", random.choice(kinds))


def elsewhere(random: Random, request: Request) -> Request:
    other = "00000000-0000-4000-8000-000000000009"
    paths = (
        *("/", "//", "/webhooks", "/metrics", "/internal/v1/pipelines", "/.well-known/jwks.json"),
        *(f"/webhooks/{other}/order_created", f"/webhooks/{PIPELINE_ID}/../{PIPELINE_ID}/x"),
        *(request.path + "%00", request.path + "/", request.path + "x" * 4000, "/%ff%fe%zz"),
        *(request.path.replace("-", "%2D"), f"/webhooks/{PIPELINE_ID}/order_eaten", "/" * 500),
        *(f"http://internal.example.com{request.path}", request.path + "?a=1#b", "*"),
    )
    return replace(request, path=random.choice(paths))


def by_another_method(random: Random, request: Request) -> Request:
    return replace(request, method=random.choice(["GET", "PUT", "PATCH", "DELETE", "OPTIONS"]))


def claiming(random: Random, request: Request) -> Request:
    """Say what proxies say, and what a careless server would believe."""
    name, value = random.choice(
        [
            *(("X-Forwarded-For", "127.0.0.1"), ("X-Original-URL", "/internal/v1/pipelines")),
            *(("X-HTTP-Method-Override", "GET"), ("Authorization", "Bearer null")),
            *(
                ("Saleor-Api-Url", "http://169.254.169.254/graphql/"),
                ("Saleor-Domain", "127.0.0.1"),
            ),
            *(("Expect", "100-continue"), ("Cookie", "a=" + "b" * 2000)),
        ]
    )
    return with_header(request, name, value)


def chunked(random: Random, request: Request) -> Request:
    """Send the body in chunks, as it may be sent."""
    body, data = request.body, b""
    while body:
        size = random.randint(1, 4000)
        part, body = body[:size], body[size:]
        data += b"%x\r\n%s\r\n" % (len(part), part)
    kept = tuple(header for header in request.headers if header[0] != "Content-Length")
    headers = (*kept, ("Transfer-Encoding", "chunked"))
    return replace(request, headers=headers, body=data + b"0\r\n\r\n")


_Change = Callable[[Random, Request], Request]
_HARMLESS: tuple[_Change, ...] = (
    *(doubled, in_other_case, shuffled, huge, many, of_type, encoded),
    *(elsewhere, by_another_method, claiming, chunked),
)
_LENGTHS = ("0", "-1", "+5", "5", "5 5", "0x10", "1e3", "9" * 30, "8388609", "8388608", "", "é")


def of_length(random: Random, request: Request) -> Request:
    return with_header(request, "Content-Length", random.choice(_LENGTHS))


def of_two_lengths(random: Random, request: Request) -> Request:
    more = (("Content-Length", random.choice(_LENGTHS)),)
    return replace(request, headers=request.headers + more)


def of_two_framings(random: Random, request: Request) -> Request:
    kind = random.choice(
        ["chunked", "Chunked", "gzip, chunked", "chunked, identity", "\x0bchunked"]
    )
    return replace(request, headers=(*request.headers, ("Transfer-Encoding", kind)))


def in_bad_chunks(random: Random, request: Request) -> Request:
    good = chunked(random, request)
    return replace(good, body=random.choice(_BYTES)(random, good.body))


def of_version(random: Random, request: Request) -> Request:
    kinds = ("HTTP/1.0", "HTTP/0.9", "HTTP/2.0", "HTTP/1.9", "HTTP/9", "http/1.1", "", "ICY")
    return replace(request, version=random.choice(kinds))


def with_odd_bytes(random: Random, request: Request) -> Request:
    odd = random.choice(["\0", "\r", "\n", "\r\n ", "\r\n\r\n", "\x7f", "\xff", ":", "\t" * 900])
    name, value = random.choice(request.headers)
    if random.random() < 0.3:
        return replace(request, headers=(*request.headers, (name + odd, value)))
    return with_header(request, name, value[:5] + odd + value[5:])


def much_too_long(random: Random, request: Request) -> Request:
    if random.random() < 0.5:
        return replace(request, path=request.path + "a" * random.randint(8000, 20_000))
    return with_header(request, "X-Custom", "x" * random.randint(8200, 100_000))


def upgrading(random: Random, request: Request) -> Request:
    kind = random.choice(["websocket", "h2c", "TLS/1.0"])
    more = (("Connection", "Upgrade"), ("Upgrade", kind))
    return replace(request, headers=request.headers + more)


_FRAMING: tuple[_Change, ...] = (
    *(of_length, of_two_lengths, of_two_framings, in_bad_chunks, of_version),
    *(with_odd_bytes, with_odd_bytes, much_too_long, upgrading),
)


def cut(random: Random, data: bytes) -> bytes:
    return data[: random.randrange(len(data) or 1)]


def with_bits_flipped(random: Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(random.randint(1, 20)):
        changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def with_bytes_put_in(random: Random, data: bytes) -> bytes:
    place = random.randrange(len(data))
    return data[:place] + random.randbytes(random.randint(1, 300)) + data[place:]


def with_a_tail(random: Random, data: bytes) -> bytes:
    tails = (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 3, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", data)
    return data + random.choice([*tails, random.randbytes(500)])


def noise(random: Random, _: bytes) -> bytes:
    return random.choice([b"", b"\x16\x03\x01\x02\x00\x01", b"GET "]) + random.randbytes(400)


_BYTES: tuple[Callable[[Random, bytes], bytes], ...] = (
    *(cut, with_bits_flipped, with_bytes_put_in, with_a_tail, noise),
)
