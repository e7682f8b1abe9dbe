"""Judges DKIM signatures with dkimpy: /usr/bin/python3 signature.py FOLDER

The folder holds messages as a server received them (NAME.eml) and the DNS (dns.json: a TXT record by name). Prints
`NAME ALGORITHM VERDICT` for each signature of each message, sorted.
"""

import json
import pathlib
import sys

import dkim


def verdicts(path, dns):
    def record(name, timeout):
        return dns.get(name.decode().rstrip("."), "").encode()

    verifier = dkim.DKIM(path.read_bytes(), minkey=2048)
    signatures = [value for name, value in verifier.headers if name.lower() == b"dkim-signature"]
    for at, signature in enumerate(signatures):
        tags = dkim.util.parse_tag_value(signature)
        try:
            good = verifier.verify(idx=at, dnsfunc=record)
        except dkim.DKIMException:
            good = False
        yield f"{path.stem} {tags[b'a'].decode()} {'pass' if good else 'fail'}"


def main(folder):
    folder = pathlib.Path(folder)
    dns = json.loads((folder / "dns.json").read_text("utf-8"))
    print("\n".join(sorted(verdict for path in folder.glob("*.eml") for verdict in verdicts(path, dns))))


if __name__ == "__main__":
    main(sys.argv[1])
