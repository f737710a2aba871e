"""Makes the kernel refuse system calls that a confined process never needs.

Audit hooks see Python code only, and none of them sees `listen`. A seccomp filter applies to every
library and cannot be removed. On a processor or kernel without one, the hooks are the only layer.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct

_NO_NEW_PRIVS, _SECCOMP, _FILTER_MODE = 38, 22, 2

# linux/audit.h: the architecture that the filter sees.
_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
# Numbers from here on are those of x32, which has the same calls again.
_X32 = 0x40000000

# Numbers of x86_64 and aarch64; None where the processor has no such call.
_REFUSED: dict[str, tuple[int | None, int | None]] = {
    "listen": (50, 201),
    **{"kill": (62, 129), "tkill": (200, 130), "tgkill": (234, 131)},
    **{"rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240)},
    "pidfd_send_signal": (424, 424),
    **{"fork": (57, None), "vfork": (58, None), "execve": (59, 221), "execveat": (322, 281)},
    **{"ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271)},
    **{"unlink": (87, None), "unlinkat": (263, 35), "rmdir": (84, None)},
    **{"rename": (82, None), "renameat": (264, 38), "renameat2": (316, 276)},
    **{"link": (86, None), "linkat": (265, 37), "symlink": (88, None), "symlinkat": (266, 36)},
    **{"mkdir": (83, None), "mkdirat": (258, 34), "mknod": (133, None), "mknodat": (259, 33)},
    **{"chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452)},
    **{"chown": (92, None), "lchown": (94, None), "fchown": (93, 55), "fchownat": (260, 54)},
    **{"truncate": (76, 45), "creat": (85, None), "utimensat": (280, 88), "setxattr": (188, 5)},
    **{"mount": (165, 40), "umount2": (166, 39), "chroot": (161, 51), "bpf": (321, 280)},
    # Each could open a file in a way that the filter does not see.
    **{"io_uring_setup": (425, 425), "open_by_handle_at": (304, 265), "openat2": (437, 437)},
}
# The calls whose flags say whether a file is written, and which argument these are.
_OPENING = {"open": ((2, None), 1), "openat": ((257, 56), 2)}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC

# linux/filter.h and linux/seccomp.h.
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | 1  # EPERM


def refuse_system_calls() -> bool:
    """Forbid this process and its threads to gain privileges and to make the calls above; False if
    the kernel has no filter for it."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)
    machine = platform.machine()
    if machine not in _ARCHITECTURES:
        return False
    code = _program(machine)
    count = len(code) // 8
    instructions = ctypes.create_string_buffer(code, len(code))
    address = ctypes.cast(instructions, ctypes.c_void_p).value
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", count, address))
    return bool(libc.prctl(_SECCOMP, _FILTER_MODE, program, 0, 0) == 0)


def _program(machine: str) -> bytes:
    column = list(_ARCHITECTURES).index(machine)
    steps = [
        _step(_LOAD, _ARCHITECTURE_AT),
        # A call of another architecture, such as that of 32 bits, ends at the refusal too.
        _step(_EQUAL, _ARCHITECTURES[machine], otherwise=2),
        _step(_LOAD, _NUMBER_AT),
        _step(_AT_LEAST, _X32, otherwise=1),
        _step(_RETURN, _REFUSE),
    ]
    for numbers in _REFUSED.values():
        if (number := numbers[column]) is not None:
            steps += [_step(_EQUAL, number, otherwise=1), _step(_RETURN, _REFUSE)]
    for numbers, argument in _OPENING.values():
        if (number := numbers[column]) is not None:
            steps += [
                _step(_EQUAL, number, otherwise=4),
                _step(_LOAD, _ARGUMENTS_AT + 8 * argument),
                _step(_ANY_BIT, _WRITING, otherwise=1),
                _step(_RETURN, _REFUSE),
                _step(_RETURN, _ALLOW),
            ]
    return b"".join([*steps, _step(_RETURN, _ALLOW)])


def _step(code: int, value: int, *, otherwise: int = 0) -> bytes:
    """An instruction; a comparison that fails skips `otherwise` instructions."""
    return struct.pack("HBBI", code, 0, otherwise, value)
