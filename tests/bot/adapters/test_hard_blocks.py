"""Acts that are never carried out (T42), as a corpus of argument lists, and harmless ones that must not be caught."""

from __future__ import annotations

import shlex
from collections.abc import Callable

import pytest

from bot.adapters.hard_blocks import check_argv, check_environment, check_target
from bot.plan import Act

FORBIDDEN = """
redis-cli FLUSHALL
/usr/bin/redis-cli -n 2 flushall async
redis-cli EVAL "return 1" 0
redis-cli --eval x.lua
redis-cli CONFIG SET dir /tmp
redis-cli SHUTDOWN NOSAVE
redis-cli SCRIPT FLUSH
psql -c "DROP TABLE users"
psql -c "drop database app"
psql -c "select 1; DROP SCHEMA public"
mysql -e "TRUNCATE TABLE orders"
mysql -e "DELETE FROM orders"
mongosh --eval db.dropDatabase()
dropdb app
rm -rf /
rm -rf /tmp/x
/bin/rm -r -f /var
tool "rm -rf /"
kubectl delete namespace prod
kubectl delete ns prod
kubectl -n prod delete namespace/prod
kubectl delete pods --all
kubectl delete pods,namespaces x
kubectl delete pods -A
kubectl delete -f everything.yaml
kubectl exec pod -- ls
kubectl run x --image=y
shutdown -h now
/sbin/reboot
halt
poweroff
systemctl poweroff
systemctl isolate rescue.target
init 0
mkfs.ext4 /dev/sda1
mkfs /dev/sda1
dd if=/dev/zero of=/dev/sda
wipefs -a /dev/sda
sh -c id
bash script
/bin/zsh
dash -c id
env sh
env X=1 ls
sudo ls
su - root
doas ls
python -c pass
python3.11 script.py
/usr/bin/perl -e 1
ruby x
node x.js
php x
lua5.4 x
awk "BEGIN{system(1)}"
xargs ls
find / -delete
find . -exec ls
find . -execdir ls
find . -ok ls
eval ls
exec ls
nohup ls
timeout 5 ls
busybox sh
ssh host ls
nc -l 1
tar xf x
git push
vim
make all
docker run x
tool /bin/sh
tool bash
supervisorctl restart all
supervisorctl restart "*"
supervisorctl stop payments:*
tool --all
killall payments
pkill payments
kill -9 -1
terraform destroy
aws iam create-user
aws ec2 terminate-instances x
aws s3 rb x
gcloud compute instances delete x
helm uninstall payments
iptables -F
chmod -R 777 x
userdel x
""".strip().splitlines()

HARMLESS = """
redis-cli -n 2 FLUSHDB
redis-cli PING
redis-cli INFO memory
supervisorctl restart payments
systemctl restart payments
systemctl status payments
kubectl -n prod rollout restart deployment/payments
kubectl get pods
kubectl delete pod payments-abc12
psql -c "select count(*) from orders"
find /tmp -name x
kill -TERM 1234
aws s3 ls x
echo drop-box
df -h
journalctl -u payments
""".strip().splitlines()


def test_the_corpus_is_large_enough() -> None:
    assert len(FORBIDDEN) >= 40


@pytest.mark.parametrize("line", FORBIDDEN)
def test_T42_forbidden_commands_are_blocked(line: str) -> None:
    denied = check_argv(shlex.split(line))
    assert denied is not None
    assert denied.code == "forbidden_act"
    assert denied.reason.endswith("never carried out.")
    assert denied.remedy


@pytest.mark.parametrize("line", FORBIDDEN)
def test_T42_upper_case_changes_nothing(line: str) -> None:
    assert check_argv([part.upper() for part in shlex.split(line)]) is not None


@pytest.mark.parametrize("line", HARMLESS)
def test_harmless_commands_are_not_blocked(line: str) -> None:
    assert check_argv(shlex.split(line)) is None


@pytest.mark.parametrize(
    "argv",
    [[], [""], ["  "], ["echo", ""], ["echo", "a\nb"], ["echo", "a\x00"], ["echo", "\u202e"], ["ѕh"], ["echo", "１"]],
)
def test_T31_T32_T34_hostile_argument_lists_are_blocked(argv: list[str]) -> None:
    assert check_argv(argv) is not None


@pytest.mark.parametrize(
    "name",
    [
        "LD_PRELOAD",
        "ld_library_path",
        "BASH_ENV",
        "ENV",
        "IFS",
        "PATH",
        "PYTHONSTARTUP",
        "PERL5OPT",
        "NODE_OPTIONS",
        "GIT_SSH_COMMAND",
        "http_proxy",
        "A=B",
        "A B",
        "",
    ],
)
def test_T42_environment_that_loads_other_code_is_blocked(name: str) -> None:
    assert check_environment([name]) is not None
    assert check_environment(["APP_MODE", name]) is not None


def test_ordinary_environment_is_fine() -> None:
    assert check_environment(["APP_MODE", "LANG"]) is None


@pytest.mark.parametrize(
    "name",
    ["", "  ", "-rf", "--all", "*", "all", "ALL", "pay*", "a?b", "a/b", "a b", "pаyments", "a\n", "a\u200bb", "@all"],
)
def test_T33_T34_target_names_that_name_no_one_thing_are_blocked(act: Callable[..., Act], name: str) -> None:
    assert check_target(act("x", "x.y", "kind", {}, name=name), ["x.y"]) is not None
    assert check_target(act("x", "x.y", "kind", {}, environment=name), ["x.y"]) is not None


def test_an_unknown_operation_is_blocked(act: Callable[..., Act]) -> None:
    assert check_target(act("x", "x.z", "kind", {}), ["x.y"]) is not None
    assert check_target(act("x", "x.y", "kind", {}), ["x.y"]) is None
