"""Does with kconfiglib what `conf` does: MODE [FILE] KCONFIG, from and to .config. Run by the benchmark.

kconfiglib 14.1.0 is the newest and does not read Linux 6.12 as it is. What is worked around, and nothing else:
- `modules` is an attribute of its own since 6.2 (before, `option modules`): such a line is read as the older one.
With SHELL_ANSWERS set, `$(shell)` is answered from that folder, as shell.c does it for the other programs.
"""

import os
import sys

import kconfiglib


class Tree(kconfiglib.Kconfig):
    """Reads today's `modules`."""

    def _tokenize(self, line):
        return super()._tokenize("option modules\n" if line.strip() == "modules" else line)


def answered(run):
    """The shell function with answers from a folder, where there is one."""
    folder = os.environ["SHELL_ANSWERS"]
    mask = (1 << 64) - 1

    def shell(kconf, name, command):
        a, b = 0xCBF29CE484222325, 0x9E3779B97F4A7C15
        for c in command.encode():
            a = ((a ^ c) * 0x100000001B3) & mask
            b = ((b + c) * 0xD6E8FEB86659FD93) & mask
            b ^= b >> 29
        try:
            with open(f"{folder}/{a:016x}{b:016x}", encoding="utf-8") as answer:
                return answer.read().rstrip("\n").replace("\n", " ")
        except FileNotFoundError:
            return run(kconf, name, command)

    return shell


def main():
    mode, file, root = sys.argv[1], sys.argv[2:-1], sys.argv[-1]
    if os.environ.get("SHELL_ANSWERS"):
        # pylint: disable=protected-access
        kconfiglib._shell_fn = answered(kconfiglib._shell_fn)
    tree = Tree(root, warn=False)
    if mode == "olddefconfig":
        tree.load_config(".config")
    elif mode == "defconfig":
        tree.load_config(file[0])
    elif mode != "alldefconfig":
        sys.exit(f"unknown mode {mode}")
    tree.write_config(".config")


main()
