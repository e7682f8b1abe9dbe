"""Judges messages as a strict reader of the RFCs would: python3 message.py FOLDER, or python3 message.py --form FILE...

Every NAME.eml of the folder is held against NAME.json, which says what was meant; with --form, only what every message must
be is asked of each file. Prints what is wrong, one line each; ends with 1 if anything is, and with 2 if there was nothing to judge.
"""

import json
import pathlib
import re
import sys
from email import message_from_bytes, message_from_string, policy
from email.errors import NonASCIILocalPartDefect
from email.header import decode_header, make_header
from email.utils import parseaddr, parsedate_to_datetime

ONCE = ["Date", "From", "Message-ID", "Subject", "To", "MIME-Version", "Content-Type", "List-Id",
        "List-Unsubscribe", "List-Unsubscribe-Post", "Feedback-ID"]


def parse(raw):
    """Strictly: a defect of the structure raises. Only SMTPUTF8 lets headers be other than ASCII (RFC 6532)."""
    if raw.isascii():
        return message_from_bytes(raw, policy=policy.strict)
    return message_from_string(raw.decode("utf-8"), policy=policy.strict.clone(utf8=True))


def wire(raw, meant):
    """Requirements 1, 2 and 6."""
    if re.search(rb"(?<!\r)\n|\r(?!\n)|\0", raw):
        yield "a bare CR, a bare LF or a NUL"
    if not raw.endswith(b"\r\n"):
        yield "the last line is not ended"
    if not raw.isascii() and not meant["smtputf8"]:
        yield "not ASCII"
    head, _, body = raw.partition(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        if len(line) > 998 or len(line) > 78 and len(line.split(b": ")[-1].split()) > 1:
            yield f"a header line of {len(line)} octets: {line!r}"
        if not line.strip():
            yield "a header line of white space"
    for line in body.split(b"\r\n"):
        if len(line) > 76:
            yield f"a body line of {len(line)} octets: {line!r}"
    for word in re.findall(rb"=\?\S*\?=", head):
        if len(word) > 75:
            yield f"an encoded-word of {len(word)} characters"


def defects(message, meant):
    """Requirement 4, in every part and header. A local part beyond ASCII counts as one even under `utf8=True`."""
    known = NonASCIILocalPartDefect if meant["smtputf8"] else ()
    for part in message.walk():
        yield from (f"defect: {defect!r}" for defect in part.defects)
        for name, value in part.items():
            yield from (f"defect in {name}: {defect!r}" for defect in value.defects
                       if not isinstance(defect, known))


def mailbox(message, name):
    """Name and address. The newer parser keeps the white space between the encoded-words of a name, against RFC 2047 6.2."""
    [raw] = [value for key, value in message.raw_items() if key == name]
    words, address = parseaddr("".join(raw.splitlines()))
    return [str(make_header(decode_header(words))), address]


def headers(message, meant):
    """Requirements 3, 9, 11, 13, 15 and 16."""
    names = [name.lower() for name in message.keys()]
    for name in sorted(set(names)):
        if names.count(name) > 1:
            yield f"{name} more than once"
    for name in ONCE:
        if name.lower() not in names:
            yield f"no {name}"
    for name in ["Subject", "Feedback-ID", "Message-ID"]:
        if str(message[name]) != meant[name]:
            yield f"{name} is {str(message[name])!r}, not {meant[name]!r}"
    for name in ["From", "To", "Reply-To", "List-Id"]:
        if mailbox(message, name) != meant[name]:
            yield f"{name} is {message[name]!r}, not {meant[name]!r}"
    if parsedate_to_datetime(message["Date"]).isoformat() != meant["Date"]:
        yield f"Date is {message['Date']}, not {meant['Date']}"
    if not re.fullmatch(r"<[0-9a-f]{32}@[a-z0-9.-]+>", message["Message-ID"]):
        yield f"Message-ID {message['Message-ID']!r}"
    if message["Feedback-ID"].count(":") > 3:
        yield "Feedback-ID of more than 4 fields"


def unsubscribe(message, meant):
    """RFC 8058: one https URI, first; the other header to the letter."""
    uris = re.findall(r"<([^<> ]+)>", message["List-Unsubscribe"])
    if uris != meant["List-Unsubscribe"]:
        yield f"List-Unsubscribe is {uris!r}, not {meant['List-Unsubscribe']!r}"
    if [uri.startswith("https://") for uri in uris] not in ([True], [True, False]):
        yield "List-Unsubscribe: not one https URI in front"
    if any("=?" in value for key, value in message.raw_items() if key == "List-Unsubscribe"):
        yield "an encoded-word in List-Unsubscribe"
    if message["List-Unsubscribe-Post"] != "List-Unsubscribe=One-Click":
        yield f"List-Unsubscribe-Post: {message['List-Unsubscribe-Post']!r}"


def bodies(message, raw, meant):
    """Requirements 5, 6 and 8: each part decodes to exactly what was meant."""
    parts = [message]
    expected = [("text/plain", meant["text"])]
    if meant["html"] is not None:
        if message.get_content_type() != "multipart/alternative":
            yield f"is {message.get_content_type()}"
        parts = list(message.iter_parts())
        expected.append(("text/html", meant["html"]))
        boundary = message.get_boundary().encode()
        if raw.count(boundary) != 4 or raw.count(b"\r\n--" + boundary) != 3:
            yield "the boundary occurs in a body"
    if [part.get_content_type() for part in parts] != [kind for kind, _ in expected]:
        yield f"parts are {[part.get_content_type() for part in parts]}"
    for part, (kind, content) in zip(parts, expected):
        if part.get_content_charset() != "utf-8" or part["Content-Transfer-Encoding"] != "quoted-printable":
            yield f"{kind} is not quoted-printable UTF-8"
        got = part.get_payload(decode=True).decode("utf-8")
        if got != content.replace("\n", "\r\n"):
            yield f"{kind} decodes to {got!r}, not to {content!r}"


def judge(path):
    raw = path.read_bytes()
    meant = json.loads(path.with_suffix(".json").read_text("utf-8"))
    yield from wire(raw, meant)
    message = parse(raw)
    yield from defects(message, meant)
    yield from headers(message, meant)
    yield from unsubscribe(message, meant)
    yield from bodies(message, raw, meant)


def judge_form(path):
    raw = path.read_bytes()
    meant = {"smtputf8": False}
    yield from wire(raw, meant)
    message = parse(raw)
    yield from defects(message, meant)
    yield from (f"{name} is there {len(message.get_all(name, []))} times" for name in ONCE if len(message.get_all(name, [])) != 1)
    if (kinds := [part.get_content_type() for part in message.walk()]) != ["multipart/alternative", "text/plain", "text/html"]:
        yield f"parts are {kinds}"


def main(arguments):
    if arguments[0] == "--form":
        paths, look = [pathlib.Path(name) for name in arguments[1:]], judge_form
    else:
        paths, look = sorted(pathlib.Path(arguments[0]).glob("*.eml")), judge
    wrong = [f"{path}: {what}" for path in paths for what in look(path)]
    print("\n".join(wrong) or f"{len(paths)} messages, no defect")
    return 1 if wrong else 0 if paths else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
