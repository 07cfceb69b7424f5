"""Does the example that replaces nsenter(1) do what the installed one does, on the same words?

Statuses, what the program finds and whether there is a complaint are compared; what is newer than the
installed one is in test_nsenter_newer.py. The last three tests are of that in which they differ on purpose.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from entering import AS_ROOT, OURS, PROGRAM, Places, installed, places, run, same

KINDS = ["--mount", "--uts", "--ipc", "--net", "--pid", "--user", "--cgroup", "--time"]
LETTERS = ["-m", "-u", "-i", "-n", "-p", "-U", "-C", "-T"]
OTHERS = ["-r", "-w", "-W/bin", "-F", "-S0", "-G0", "--preserve-credentials", "-a"]
FILES = ["mnt", "uts", "ipc", "net", "pid", "user", "cgroup", "time"]
# What an ordinary user cannot do without.
OWN = [] if AS_ROOT else ["--user", "--preserve-credentials"]
FAILURE, CANNOT_EXECUTE, NOT_FOUND = 1, 126, 127


@pytest.fixture(scope="module")
def there() -> Iterator[Places]:
    """What there is to be entered."""
    with places() as all_of_them:
        yield all_of_them


@pytest.mark.parametrize("place", ["near", "apart", "below", "rooted"])
@pytest.mark.parametrize("option", [*LETTERS, *KINDS, *OTHERS, "--all", "--root", "--wd", "--no-fork"])
def test_an_option_alone(there: Places, option: str, place: str) -> None:
    """And beside what an ordinary user needs for it."""
    target = f"--target={getattr(there, place)}"
    same(target, option, *PROGRAM)
    same(target, option, *OWN, *PROGRAM)


@pytest.mark.parametrize("place", ["near", "apart"])
@pytest.mark.parametrize("option", [*LETTERS, *OTHERS])
def test_two_options(there: Places, option: str, place: str) -> None:
    """Each with each that comes later."""
    both = [*LETTERS, *OTHERS]
    for other in both[both.index(option) + 1 :]:
        same("-t", str(getattr(there, place)), option, other, *OWN, *PROGRAM)


def test_many_options(there: Places) -> None:
    """Each number of kinds at once, in both orders."""
    for count in range(2, len(LETTERS) + 1):
        for letters in (LETTERS[:count], LETTERS[-count:], LETTERS[count::-1]):
            # Where a letter is followed by others they are its file.
            words = ["-t", str(there.apart), *letters, *OWN]
            same(*words, *PROGRAM)
            same(*words, "-r", "-w", "-F", *PROGRAM)


def test_all_kinds_are_those_of_the_target(there: Places) -> None:
    """By their links, and not just as the other one has it."""
    links = "".join(os.readlink(f"/proc/{there.apart}/ns/{name}") + "\n" for name in FILES)
    words = ["-t", str(there.apart), "-a", "--preserve-credentials"]
    inside = same(*words, "readlink", *(f"/proc/self/ns/{name}" for name in FILES))
    assert inside == (0, links, False)
    assert same(*words, "uname", "-n").output == "apart\n"


@pytest.mark.parametrize("name", FILES)
def test_a_file(there: Places, name: str) -> None:
    """Each kind by path, alone, beside others of the target, and by the path of another kind."""
    option = KINDS[FILES.index(name)]
    target = ["-t", str(there.apart)]
    for place in (there.near, there.apart):
        path = f"/proc/{place}/ns/{name}"
        same(f"{option}={path}", *PROGRAM)
        same(f"{option}={path}", *OWN, *target, *PROGRAM)
        same(f"{LETTERS[FILES.index(name)]}{path}", f"--user=/proc/{place}/ns/user", *OWN, *PROGRAM)
    same(*target, "--all", f"{option}=/proc/{there.near}/ns/{name}", "--preserve-credentials", *PROGRAM)
    for other in FILES:
        same(f"{KINDS[FILES.index(other)]}=/proc/{there.apart}/ns/{name}", "true")
    same(*target, *OWN, f"{option}=/etc/passwd", "--net", "true")


def test_mounted_files(there: Places, tmp_path: Path) -> None:
    """A bind mount of a namespace is as good as the link."""
    if not AS_ROOT:
        return
    script = 'touch $1; mount --bind /proc/$2/ns/net $1; exec "$3" --net=$1 readlink /proc/self/ns/net'
    unshare = ["unshare", "-m", "sh", "-ec", script, "sh", str(tmp_path / "net"), str(there.apart)]
    for program in (OURS, installed()):
        done = subprocess.run([*unshare, program], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == os.readlink(f"/proc/{there.apart}/ns/net")


@pytest.mark.parametrize(
    "line",
    [
        "--root={root}",
        "-r{root}",
        "--root={root} --wd=/etc",
        "-r{root} -w/",
        "-r{root} -W/bin",
        "-r{root} --wdns=/etc",
        "-w{root}/bin",
        "--wd=/nonexistent",
        "--root=/nonexistent",
        "--root=/etc/passwd",
        "--wd=/etc/passwd",
        "--wdns=/etc/passwd",
        "--root= ",
        "--wd=",
        "-W /usr/lib",
        "--wdns=/nonexistent",
        "-W/ -w/",
        "-w -W/ -t{apart}",
        "-r -w -m -U -t{rooted}",
        "-r -m -U --preserve-credentials -t{rooted}",
        "-r -W/bin -m -U -t{rooted}",
        "-w -m -U --preserve-credentials -t{rooted}",
        "-r",
        "-w",
    ],
)
def test_directories(there: Places, line: str) -> None:
    """Root and working directory, outside and inside."""
    same(*there.words(line), *PROGRAM)
    inside = ["-U", f"-t{there.rooted}", "--preserve-credentials"]
    same(*there.words(line), *inside, *PROGRAM)


@pytest.mark.parametrize(
    "line",
    [
        "-S5",
        "-G6",
        "-S5 -G6",
        "-G6 -S5 --preserve-credentials",
        "-S0 -G0",
        "-S 4294967295",
        "-G 4294967295",
        "-S five",
        "-G 6x",
        "-S",
        "-S -1",
        "-G=6",
        "--setuid=7 --setgid 8",
    ],
)
@pytest.mark.parametrize("place", ["", "-U -t{apart}", "-U --preserve-credentials -t{apart}", "-a -t{below}"])
def test_ids(there: Places, line: str, place: str) -> None:
    """In the caller's user namespace, and in one that has a single id."""
    same(*there.words(place), *there.words(line), *PROGRAM)


@pytest.mark.parametrize(
    "line",
    [
        "-t {gone} --net true",
        "-t {gone} true",
        "-t {gone} -r true",
        "-t {gone} -a true",
        "-t nobody true",
        "-t 12x true",
        "-t 99999999999999999999 -n true",
        "-t 0 -n true",
        "-t -1 true",
        "-t -1 -n true",
        "-t",
        "-a true",
        "-n true",
        "-U -p true",
        "--net=/nonexistent true",
        "--no-such-option",
        "-x",
        "--user-or-so",
        "--targ {near} true",
        "--targ={near} --no-f true",
        "--p -t {near} true",
        "true",
        "-- false",
        "-F -- true",
        "-t {near} -- sh -c exit",
        "no-such-program",
        "/no/such/program",
        "/etc/passwd",
        "/etc",
        "/etc/passwd/program",
        "-p -t {apart} -U --preserve-credentials -- no-such-program",
        "-p -t {apart} -U --preserve-credentials -- /etc/passwd",
    ],
)
def test_good_and_bad_words(there: Places, line: str) -> None:
    """Their status; a complaint starts with the command's name."""
    words = there.words(line)
    done = same(*words)
    if done.status not in (0, FAILURE) or line.startswith("-t {gone} -"):
        assert run(OURS, *words).stderr.startswith("nsenter: ")
    if "no-such" in line and "option" not in line:
        assert done.status == NOT_FOUND
    if line.endswith("/etc"):
        assert done.status == CANNOT_EXECUTE


def test_help_and_version() -> None:
    """On standard output, whatever else is asked for; every option is in the help."""
    for option in ("-h", "--help", "-V", "--version"):
        assert same_but_for_text(option) == (0, 0)
    help_of_installed = run(installed(), "--help").stdout
    for option in re.findall(r"--[a-z-]+[a-z]", help_of_installed):
        assert option in run(OURS, "--help").stdout or option == "--target"
    with open("/dev/full", "w") as full:
        for program in (OURS, installed()):
            done = subprocess.run([program, "--help"], stdout=full, stderr=subprocess.DEVNULL, check=False)
            assert done.returncode == FAILURE


def same_but_for_text(option: str) -> tuple[int, int]:
    """The statuses of both, which print something and do not complain."""
    done = [run(program, option, "--no-such-option") for program in (OURS, installed())]
    assert all(one.stdout.strip() and not one.stderr for one in done)
    return done[0].returncode, done[1].returncode


@pytest.mark.parametrize("shell", ["/bin/sh", "sh", "", None, "/nonexistent"])
def test_no_program_is_a_login_shell(there: Places, shell: str | None) -> None:
    """That of the caller's environment, or /bin/sh."""
    env = {"PATH": os.environ["PATH"]} | ({} if shell is None else {"SHELL": shell})
    for words in ([], ["-t", str(there.apart), "-a", "--preserve-credentials"]):
        same(*words, env=env, input="echo $0; pwd; exit 5\n")


@pytest.mark.parametrize("place", [[], ["-p"], ["-p", "-F"], ["-a"]])
def test_it_ends_as_its_program(there: Places, place: list[str]) -> None:
    """With each status, and of each signal by which a program is ended without a core."""
    words = ["-t", str(there.apart), "-U", "--preserve-credentials", *place] if place else []
    for status in (0, 1, 42, 126, 127, 255):
        assert same(*words, "sh", "-c", f"exit {status}").status == status
    for name in ("SIGTERM", "SIGKILL", "SIGHUP", "SIGPIPE", "SIGUSR1", "SIGALRM"):
        assert same(*words, "sh", "-c", f"kill -{name[3:]} $$").status == -getattr(signal, name)


@pytest.mark.parametrize("program", ["ours", "installed"])
@pytest.mark.parametrize("kind", ["-p", "-n"])
def test_it_stops_with_its_program(there: Places, program: str, kind: str) -> None:
    """And goes on with it, whether that is a child of it or itself."""
    words = [
        OURS if program == "ours" else installed(),
        "-t",
        str(there.apart),
        "-U",
        "--preserve-credentials",
        kind,
    ]
    words += ["sh", "-c", "kill -STOP $$; echo went on; exit 3"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status) and os.WSTOPSIG(status) == signal.SIGSTOP
        process.send_signal(signal.SIGCONT)
        output, _ = process.communicate(timeout=60)
        assert (process.returncode, output) == (3, "went on\n")


def test_descriptors_and_input_are_the_callers(there: Places) -> None:
    """The program reads what it is given, has the caller's other descriptors, and none more."""
    words = ["-t", str(there.apart), "-a", "--preserve-credentials", "-r", "-w"]
    end, other = os.pipe()
    try:
        for prefix in ([], words):
            assert same(*prefix, "cat", input="typed").output == "typed"
            listing = same(*prefix, "ls", "/proc/self/fd", pass_fds=(other,))
            # One is of the directory that is read.
            assert str(other) in listing.output.split() and len(listing.output.split()) == 5
    finally:
        os.close(end)
        os.close(other)


def test_a_child_that_nobody_waits_for_is_waited_for(there: Places) -> None:
    """Where the caller ignores SIGCHLD, as some services do."""
    words = ["-t", str(there.apart), "-U", "-p", "--preserve-credentials", "sh", "-c", "exit 6"]
    ignoring = ["sh", "-c", "trap '' CHLD; exec \"$@\"", "sh"]
    for program in (OURS, installed()):
        assert subprocess.run([*ignoring, program, *words], check=False).returncode == 6


def test_the_selinux_context_is_not_passed_over() -> None:
    """Where there is none the installed one says nothing; asked for and not had is an error here."""
    if Path("/sys/fs/selinux").exists():
        return
    done = run(OURS, "-t", str(os.getpid()), "-Z", "true")
    assert done.returncode == FAILURE and "SELinux" in done.stderr


def test_an_id_is_not_cut_off() -> None:
    """The installed one takes 2 to the 32nd for root."""
    for option in ("-S", "-G"):
        done = run(OURS, option, str(1 << 32), "id", "-u")
        assert (done.returncode, done.stdout) == (FAILURE, "")


def test_wdns_without_a_directory_is_the_targets(there: Places) -> None:
    """As the manual says; the installed one passes it over."""
    words = ["-t", str(there.apart), "-U", "-m", "--preserve-credentials"]
    assert run(OURS, *words, "--wdns", "pwd").stdout == "/usr/lib\n"
    assert run(OURS, "--wdns", "pwd").returncode == FAILURE
