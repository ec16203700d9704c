"""JupyterHub on one machine, for people with accounts on it; docs/operator.md describes the installation.

Members of the group ``instructors`` get formgrader on the course in ~/course; members of ``students`` get nbgrader's
list of assignments; nobody else can log in. Each person works under an account of their own, and file permissions
protect them from each other.
"""

import grp
import os
import pwd
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
BIN = Path(sys.executable).parent

c = get_config()  # noqa: F821  (JupyterHub puts it here)

c.JupyterHub.bind_url = os.environ.get("GRADEPROP_HUB_URL", "http://127.0.0.1:8000")
c.JupyterHub.hub_bind_url = os.environ.get("GRADEPROP_HUB_INNER_URL", "http://127.0.0.1:8081")
c.ConfigurableHTTPProxy.command = [str(HERE / "node_modules" / ".bin" / "configurable-http-proxy")]
c.ConfigurableHTTPProxy.api_url = os.environ.get("GRADEPROP_HUB_PROXY_URL", "http://127.0.0.1:8001")

c.JupyterHub.authenticator_class = "pam"
c.PAMAuthenticator.open_sessions = False
c.LocalAuthenticator.allowed_groups = {"instructors", "students"}

c.Spawner.cmd = [str(BIN / "jupyterhub-singleuser")]
c.Spawner.default_url = "/lab"
c.Spawner.notebook_dir = "~"
c.Spawner.start_timeout = c.Spawner.http_timeout = 180  # s; on the morning of a deadline all servers start at once


def settings_of_the_role(spawner):
    """Point a person's server to the settings of their role, in a folder beside this file."""
    name = spawner.user.name
    groups = {grp.getgrgid(group).gr_name for group in os.getgrouplist(name, pwd.getpwnam(name).pw_gid)}
    role = "instructors" if "instructors" in groups else "students"
    path = os.pathsep.join([str(BIN), os.environ.get("PATH", "")])  # nbgrader starts programs by their bare names
    spawner.environment = {"JUPYTER_CONFIG_PATH": str(HERE / role), "PATH": path}


c.Spawner.pre_spawn_hook = settings_of_the_role
