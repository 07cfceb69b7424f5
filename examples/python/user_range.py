"""user_range (row S3): whether there is a second user inside, with a range of ids from /etc/subuid.

An ordinary user's range is what /etc/subuid and /etc/subgid grant, handed out by newuidmap(1) and
newgidmap(1). Root, to whom nothing needs to be granted, takes one of its own choice if there is no line.

Run: python user_range.py
"""

from __future__ import annotations

import os
import pwd
import tempfile
from pathlib import Path

import example
import nsiso
from nsiso import Kind

SECOND, CHOSEN_FIRST, CHOSEN_COUNT = 1, 100000, 1000
SCRIPT = 'cd "$1"; umask 077; id -u; id -u >"$(id -u)"; LC_ALL=C cat 0 2>&1; true'


def first_granted(uid: int) -> int:
    """Return the first id of this owner's first line OWNER:FIRST:COUNT, by name or by number, or else 0."""
    owners = {str(uid)} | {entry.pw_name for entry in pwd.getpwall() if entry.pw_uid == uid}
    file = Path("/etc/subuid")
    lines = [line.split(":") for line in file.read_text().splitlines()] if file.exists() else []
    return next((int(line[1]) for line in lines if len(line) == 3 and line[0] in owners), 0)


def spec_with_range() -> tuple[nsiso.Spec, int]:
    """Describe the namespaces, and tell which id the second user has outside."""
    flags, second = example.flags_for(Kind.USER), first_granted(os.geteuid())
    if second == 0 and os.geteuid() == 0:
        ids = [(0, 0, 1), (SECOND, CHOSEN_FIRST, CHOSEN_COUNT)]
        return nsiso.Spec(flags, uid_map=ids, gid_map=ids), CHOSEN_FIRST
    spec = nsiso.Spec(flags, map_auto=True)
    try:
        # What is not granted is refused here: nothing has been done yet.
        spec.plan()
    except PermissionError as error:
        raise example.RefusedError(str(error)) from error
    return spec, second


def make_file(spec: nsiso.Spec, user: int, directory: Path, owner: int) -> str:
    """Make a file for this user's eyes only, as that user inside; return what reading user 0's comes to."""
    as_user = spec.replace(uid=user, gid=user, groups=())
    output = example.output_of(["sh", "-c", SCRIPT, "sh", str(directory)], spec=as_user)
    number, _, read = output.partition("\n")
    example.say("inside", f"id -u: {number}; cat of the file of user 0: {read}")
    file = (directory / number).stat()
    example.say("outside", f"the file that user {user} has made belongs to user {file.st_uid}")
    claim = "inside user 0 is the caller, and user 1 somebody else, from the range"
    example.check(number == str(user) and file.st_uid == owner, claim)
    return read


def main() -> str:
    """Make a file as each of two users."""
    spec, second = spec_with_range()
    with tempfile.TemporaryDirectory(prefix="nsiso-example-") as name:
        directory = Path(name)
        # Both users make a file in it, and neither removes the other's.
        directory.chmod(0o1777)
        example.say(
            "did",
            f"as users 0 and {SECOND} of a new user namespace,"
            f" whose user {SECOND} is {second} outside: made a file each",
        )
        example.say("outside", f"the caller is user {os.geteuid()}")
        read = make_file(spec, 0, directory, os.geteuid())
        example.check(read == "0", "user 0 reads what it wrote")
        read = make_file(spec, SECOND, directory, second)
        example.check("Permission denied" in read, f"user {SECOND} may not read what user 0 wrote")
    return "a second user exists inside, with an id of the range outside"


example.main(main)
