"""Hard blocks: acts never carried out, whatever policy, approval or break-glass says (trust case T42, rule 14).

Called by the adapters of this room from `forbidden`. Code, not configuration: there is no switch. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from posixpath import basename

import re2

from bot.plan import Act
from guards.decision import Deny

SHELLS = frozenset({"sh", "bash", "rbash", "zsh", "dash", "ash", "ksh", "mksh", "csh", "tcsh", "fish", "pwsh", "cmd"})
# Programs that run text or another program: what they would really do cannot be seen in argv.
LAUNCHERS = frozenset(
    [
        "env",
        "sudo",
        "su",
        "doas",
        "pkexec",
        "runuser",
        "setpriv",
        "chroot",
        "unshare",
        "nsenter",
        "xargs",
        "parallel",
        "nohup",
        "timeout",
        "nice",
        "ionice",
        "setsid",
        "stdbuf",
        "script",
        "expect",
        "watch",
        "strace",
        "ltrace",
        "gdb",
        "time",
        "flock",
        "eval",
        "exec",
        "command",
        "busybox",
        "toybox",
        "ssh",
        "scp",
        "sftp",
        "socat",
        "nc",
        "ncat",
        "netcat",
        "telnet",
        "awk",
        "gawk",
        "mawk",
        "nawk",
        "sed",
        "ed",
        "vi",
        "vim",
        "view",
        "nvim",
        "nano",
        "emacs",
        "less",
        "more",
        "man",
        "make",
        "crontab",
        "at",
        "batch",
        "systemd-run",
        "start-stop-daemon",
        "rsync",
        "git",
        "tar",
        "cpio",
        "tclsh",
        "node",
        "nodejs",
        "deno",
        "bun",
        "php",
        "osascript",
        "m4",
        "bc",
        "dc",
        "docker",
        "podman",
        "nerdctl",
        "ctr",
        "crictl",
        "lxc",
    ]
)
INTERPRETERS = re2.compile(
    r"(?i)\A(python|pypy|perl|ruby|irb|lua|luajit|php|node|julia|rscript|guile|tclsh|wish)[0-9.]*\z"
)
# Programs that destroy what nobody can bring back, or stop the host. Deletion goes through disk.clean_paths only.
DESTROYERS = re2.compile(
    r"(?i)\A(rm|rmdir|unlink|shred|srm|dd|truncate|wipefs|mkfs(\..+)?|mke2fs|mkswap|fdisk|sfdisk|gdisk|sgdisk|parted|"
    r"blkdiscard|lvremove|vgremove|pvremove|cryptsetup|zpool|zfs|mdadm|shutdown|reboot|halt|poweroff|init|telinit|"
    r"killall5?|pkill|dropdb|dropuser|userdel|groupdel|useradd|usermod|passwd|chpasswd|visudo|deluser|chown|chmod|"
    r"iptables|ip6tables|nft|insmod|rmmod|modprobe|terraform|pulumi|tofu)\z"
)
WHOLE_FLEET = frozenset({"*", "all", "--all", "--all=true", "-all", "--all-namespaces", "@all", "all:", "*:*", ".*"})
LOST_DATA = re2.compile(
    r"(?i)(\bflush_?all\b|(^|[^\w-])drop($|[^\w-])|\bdrop_?(database|table|collection|schema|index|user|role)\b|"
    r"\btruncate\s+(table\s+)?\w|\bdelete\s+from\s+[\w.\"]+\s*;?\s*$|\brm\s+-|\bmkfs\b)"
)
FIND_ACTS = frozenset({"-exec", "-execdir", "-ok", "-okdir", "-delete", "-fprint", "-fprint0", "-fprintf", "-fls"})
SYSTEMCTL_STOPS = frozenset(
    {"poweroff", "reboot", "halt", "kexec", "soft-reboot", "emergency", "rescue", "isolate", "default", "exit"}
)
KUBERNETES_KEPT = re2.compile(
    r"(?i)\A(namespaces?|ns|persistentvolumes?|pv|persistentvolumeclaims?|pvc|customresourcedefinitions?|crds?|nodes?|no|"
    r"clusterroles?|clusterrolebindings?|secrets?)([./].*)?\z"
)
KUBERNETES_SHELLS = frozenset({"exec", "run", "debug", "attach", "cp", "proxy", "edit"})
REDIS_ACTS = frozenset(
    [
        "flushall",
        "eval",
        "evalsha",
        "eval_ro",
        "evalsha_ro",
        "fcall",
        "script",
        "function",
        "config",
        "shutdown",
        "debug",
        "module",
        "replicaof",
        "slaveof",
        "migrate",
        "restore",
        "swapdb",
        "failover",
        "cluster",
        "acl",
    ]
)
UNSAFE_ENVIRONMENT = re2.compile(
    r"(?i)\A(LD_.*|DYLD_.*|BASH_ENV|ENV|IFS|PS4|SHELLOPTS|PATH|PYTHON.*|PERL5?.*|RUBYOPT|RUBYLIB|NODE_OPTIONS|"
    r"GIT_.*|EDITOR|VISUAL|PAGER|LESSOPEN|.*_PROXY)\z"
)


def blocked(reason: str) -> Deny:
    """The refusal itself. reason: what is never done, without a full stop."""
    return Deny(
        "forbidden_act",
        f"{reason}: this is never carried out.",
        "No approval can allow it; do it by hand if it is really wanted.",
    )


def check_target(act: Act, operations: Collection[str]) -> Deny | None:
    """Target and operation of an act: unknown, empty, dashed, whole-fleet or hostile name (T33, T34)."""
    if act.operation not in operations:
        return blocked(f"{act.operation} is no operation of the {act.adapter} adapter")
    for what, text in (("kind", act.target.kind), ("environment", act.target.environment), ("name", act.target.name)):
        if not text.strip():
            return blocked(f"the target has an empty {what}")
        if text.startswith("-"):
            return blocked(f"the target's {what} starts with a dash")
        if text.lower() in WHOLE_FLEET or "*" in text or "?" in text:
            return blocked(f"the target's {what} is a whole fleet")
        if not (text.isascii() and text.isprintable()) or "/" in text or " " in text:
            return blocked(f"the target's {what} holds characters that no name has")
    return None


def check_environment(names: Collection[str]) -> Deny | None:
    """Names of environment variables that would change what a program is or loads."""
    for name in names:
        if UNSAFE_ENVIRONMENT.match(name) or not name.isidentifier() or not name.isascii():
            return blocked(f"setting the environment variable {name!r}")
    return None


def is_shell(program: str) -> bool:
    """Whether this program name or path runs text or other programs."""
    name = basename(program).lower().removesuffix(".exe")
    return name in SHELLS or name in LAUNCHERS or bool(INTERPRETERS.match(name))


def check_argv(argv: Sequence[str]) -> Deny | None:
    """A command as an argument list: shells, launchers, loss of data, host shutdown, whole fleets."""
    if not argv or not argv[0].strip():
        return blocked("an empty command")
    if any(not (a.isascii() and a.isprintable()) for a in argv):
        return blocked("a command with control or non-ASCII characters")
    program = basename(argv[0]).lower()
    words = [argument.lower() for argument in argv[1:]]
    if is_shell(argv[0]):
        return blocked(f"running {program}, which runs other programs or text")
    if DESTROYERS.match(program):
        return blocked(f"running {program}")
    if any(basename(word) in SHELLS for word in words):
        return blocked("starting a shell through another program")
    for word in words:
        if not word.strip():
            return blocked("an empty argument")
        if word in WHOLE_FLEET or word.endswith(":*"):
            return blocked(f"acting on a whole fleet ({word})")
        if LOST_DATA.search(word):
            return blocked("a statement that loses data")
    return _check_program(program, words)


def _check_program(program: str, words: Sequence[str]) -> Deny | None:
    """Rules for single programs."""
    if program in ("find", "fd", "fdfind") and (
        FIND_ACTS & set(words) or {"-x", "--exec", "--exec-batch"} & set(words)
    ):
        return blocked("find with an action")
    if program == "systemctl" and SYSTEMCTL_STOPS & set(words):
        return blocked("stopping the host")
    if program == "kill" and ({"-1"} & set(words[-1:]) or "0" in words[-1:]):
        return blocked("a signal to every process")
    if program == "redis-cli" and (REDIS_ACTS & set(words) or {"--eval", "-x", "--pipe"} & set(words)):
        return blocked("a Redis command that scripts, reconfigures or empties the whole server")
    if program in ("kubectl", "oc"):
        return _check_kubernetes(words)
    if program == "helm" and {"uninstall", "delete", "del", "un"} & set(words):
        return blocked("removing a Helm release")
    if program in ("aws", "gcloud", "az"):
        return _check_cloud(words)
    return None


def _check_kubernetes(words: Sequence[str]) -> Deny | None:
    if KUBERNETES_SHELLS & set(words):
        return blocked("a shell in a cluster")
    if "delete" in words:
        kinds = [kind for word in words for kind in word.split(",")]
        if any(KUBERNETES_KEPT.match(kind) for kind in kinds) or "-a" in words:
            return blocked("deleting a namespace, node, volume or secret of a cluster")
        if any(word.startswith(("-f", "--filename", "-k", "--kustomize")) for word in words):
            return blocked("deleting whatever a file says")
    if {"replace", "apply"} & set(words) and any(word.startswith(("--force", "--prune")) for word in words):
        return blocked("replacing or pruning cluster objects by force")
    return None


def _check_cloud(words: Sequence[str]) -> Deny | None:
    if {"iam", "organizations", "role", "ad", "kms"} & set(words):
        return blocked("changing who may do what in a cloud account")
    if any(
        word.startswith(("delete", "terminate", "remove-", "destroy", "purge")) or word in ("rm", "rb")
        for word in words
    ):
        return blocked("deleting or terminating cloud resources")
    return None
