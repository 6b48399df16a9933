"""Reads a member's folder on the control node, and gives it whole to the module, which runs once on the host."""

from __future__ import annotations

import base64
import os
import stat

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    _supports_check_mode = True

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        if set(self._task.args) != {"folder", "user"}:
            raise AnsibleActionFail("etcdpki_overlay takes `folder`, a folder of the control node, and `user`")
        folder, user = self._task.args["folder"], self._task.args["user"]
        if not os.path.isdir(folder) and self._task.check_mode:
            result.update(changed=True, has_user=True, msg="%s does not exist yet, so all files of the host would be new" % folder)
            return result
        folders, files = read(folder)
        arguments = {"folders": folders, "files": files, "user": user}
        result.update(self._execute_module("etcdpki_overlay", module_args=arguments, task_vars=task_vars))
        return result


def read(folder):
    """The folders and the files below a folder, as they are to be below `/`."""
    folders, files = [], []
    for path, names, leaves in os.walk(folder, onerror=refuse):
        names.sort()
        for name in names + leaves:
            at = os.path.join(path, name)
            there = "/" + os.path.relpath(at, folder)
            status = os.lstat(at)
            mode = "%04o" % stat.S_IMODE(status.st_mode)
            if stat.S_ISDIR(status.st_mode):
                folders.append({"path": there, "mode": mode})
            elif stat.S_ISREG(status.st_mode):
                with open(at, "rb") as file:
                    content = base64.b64encode(file.read()).decode("ascii")
                files.append({"path": there, "mode": mode, "content": content})
            else:
                raise AnsibleActionFail("%s is neither a file nor a folder" % at)
    if not files:
        raise AnsibleActionFail(
            "%s has no files: `etcdpki_member` has to be the name of a member in the description" % folder
        )
    # A folder comes before what is in it, and a key, `NAME-key.pem`, before its certificate, `NAME.pem`.
    by_path = lambda item: item["path"]
    return sorted(folders, key=by_path), sorted(files, key=by_path)


def refuse(error):
    raise AnsibleActionFail("%s cannot be read: %s" % (error.filename, error.strerror))
