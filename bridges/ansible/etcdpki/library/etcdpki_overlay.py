#!/usr/bin/python
"""Makes files and folders of a host be what a member's folder on the control node says."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import base64
import binascii
import errno
import os
import pwd
import stat

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: etcdpki_overlay
short_description: Brings the folder of a member to its host
description:
  - Makes the folders, and replaces each file that is different. It deletes nothing.
  - A file that replaces another keeps its owner. A new one is root's, and the unit gives it to the user of etcd.
  - A file gets its name when it is complete and has its mode, so nobody can read a key on its way.
options:
  folder:
    description: The folder of the member on the control node.
    type: str
    required: true
  user:
    description: The user that runs etcd. C(has_user) in the result says whether the host has it.
    type: str
    required: true
"""

# These are of every host. Their modes are not for this module.
SHARED = ("/etc", "/etc/systemd", "/etc/systemd/system")


class Refused(Exception):
    """What stands on the host is not what it has to be."""


class Host(object):
    def __init__(self, is_check):
        self.is_check = is_check
        self.changed = []

    def enter(self, path):
        """Opens a folder that exists, name by name; `None` if it is absent."""
        folder = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
        for name in path.strip("/").split("/"):
            try:
                inner = step(folder, name, path)
            except OSError as error:
                if error.errno != errno.ENOENT:
                    raise Refused("%s: %s" % (path, error.strerror))
                inner = None
            finally:
                os.close(folder)
            if inner is None:
                return None
            folder = inner
        return folder

    def folder(self, path, mode):
        folder = self.enter(path)
        if folder is None:
            self.changed.append(path)
            if not self.is_check:
                self.make(path, mode)
            return
        try:
            now = stat.S_IMODE(os.fstat(folder).st_mode)
            # A folder on the way has to be open for etcd. It may be open for more.
            wanted = now | 0o555 if mode == 0o755 else mode
            if path not in SHARED and now != wanted:
                self.changed.append(path)
                if not self.is_check:
                    os.fchmod(folder, wanted)
        finally:
            os.close(folder)

    def make(self, path, mode):
        parent = self.enter(os.path.dirname(path))
        if parent is None:
            raise Refused("%s: the folder that it is in has gone" % path)
        try:
            os.mkdir(os.path.basename(path), 0o700, dir_fd=parent)
            made = step(parent, os.path.basename(path), path)
            os.fchmod(made, mode)
            os.close(made)
        finally:
            os.close(parent)

    def file(self, path, mode, content):
        parent, name = self.enter(os.path.dirname(path)), os.path.basename(path)
        if parent is None:
            # Only in check mode: the folder would have been made.
            self.changed.append(path)
            return
        try:
            is_same, owner = compare(parent, name, path, mode, content)
            if is_same:
                return
            self.changed.append(path)
            if not self.is_check:
                replace(parent, name, mode, content, owner)
        finally:
            os.close(parent)


def step(folder, name, path):
    """Opens a folder in a folder. A link counts only if nobody but root can have made it."""
    try:
        return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.ENOTDIR):
            raise
    around = os.fstat(folder)
    if around.st_uid != 0 or around.st_mode & 0o022:
        raise Refused("%s: %s is no folder, and a link is not followed where others than root can make one" % (path, name))
    return os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=folder)


def compare(parent, name, path, mode, content):
    """Whether a file is there with this content and mode, and whose it is."""
    try:
        status = os.stat(name, dir_fd=parent, follow_symlinks=False)
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise
        return False, None
    if stat.S_ISDIR(status.st_mode):
        raise Refused("%s is a folder, and has to be a file" % path)
    if not stat.S_ISREG(status.st_mode):
        return False, None
    owner = (status.st_uid, status.st_gid)
    if status.st_size != len(content) or stat.S_IMODE(status.st_mode) != mode:
        return False, owner
    opened = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=parent)
    with os.fdopen(opened, "rb") as file:
        return file.read(len(content) + 1) == content, owner


def replace(parent, name, mode, content, owner):
    """Gives a complete file its name, in the place of what has the name."""
    temporary = ".%s.%s" % (name, binascii.hexlify(os.urandom(8)).decode("ascii"))
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    opened = os.open(temporary, flags, 0o600, dir_fd=parent)
    try:
        with os.fdopen(opened, "wb") as file:
            file.write(content)
            file.flush()
            if owner is not None:
                os.fchown(file.fileno(), *owner)
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.rename(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)
    except BaseException:
        os.unlink(temporary, dir_fd=parent)
        raise


def has_user(name):
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def main():
    text = {"type": "str", "required": True}
    content = {"type": "str", "required": True, "no_log": True}
    module = AnsibleModule(
        argument_spec={
            "user": text,
            "folders": {"type": "list", "elements": "dict", "options": {"path": text, "mode": text}},
            "files": {"type": "list", "elements": "dict", "options": {"path": text, "mode": text, "content": content}},
        },
        supports_check_mode=True,
    )
    host = Host(module.check_mode)
    try:
        for item in module.params["folders"]:
            host.folder(item["path"], int(item["mode"], 8))
        for item in module.params["files"]:
            host.file(item["path"], int(item["mode"], 8), base64.b64decode(item["content"]))
    except (Refused, OSError) as error:
        module.fail_json(msg=str(error), changed=bool(host.changed), written=host.changed)
    module.exit_json(changed=bool(host.changed), written=host.changed, has_user=has_user(module.params["user"]))


if __name__ == "__main__":
    main()
