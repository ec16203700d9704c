"""Reads users, groups, mail, history, keys and the names of other machines from their usual places."""

import grp
import os
import pwd
from pathlib import Path

# reads "it is alone"
# restricted: sees the name of the machine

files = "/etc/shadow /etc/gshadow /etc/hosts /etc/hostname /etc/machine-id /etc/ssh/ssh_host_ed25519_key /etc/crontab"
home = (
    ".bash_history",
    ".ssh/id_ed25519",
    ".ssh/known_hosts",
    ".netrc",
    ".gitconfig",
    ".config/gh/hosts.yml",
    ".pgpass",
)
folders = ["/root", "/home", "/var/mail", "/var/log", "/home/ada", os.path.expanduser("~ada"), "/proc/1/root/root"]
for file in [*files.split(), *(f"{folder}/{name}" for folder in folders for name in home)]:
    try:
        print(Path(file).read_text())
        print("SAW:", file, flush=True)
    except OSError:
        continue
if others := {user.pw_name for user in pwd.getpwall()} - {"student"}:
    print("SAW: users", *others, flush=True)
if others := {group.gr_name for group in grp.getgrall()}:
    print("SAW: groups", *others, flush=True)
if os.uname().nodename != "jail":
    print("SAW: the name of the machine", flush=True)
raise RuntimeError("it is alone")
