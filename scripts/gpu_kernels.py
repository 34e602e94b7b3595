"""Compiles the GPU's kernels to PTX with NVRTC, and assembles them to see what they take.

scripts/gpu-kernels.sh calls this with the folder that NVIDIA's wheels were installed into.
"""

import ctypes
import hashlib
import pathlib
import subprocess
import sys

KERNELS = pathlib.Path(__file__).parent.parent / "crates/engine/src/gpu/kernels"
# The sources that the PTX is made of; build.rs has no part in it. Tested in gpu/kernels.rs.
SOURCES = ["kernels.cu", "lanes.h"]


def main(tools: pathlib.Path) -> None:
    digest = hashlib.sha256(b"".join((KERNELS / name).read_bytes() for name in SOURCES))
    nvrtc = ctypes.CDLL(str(next(tools.rglob("libnvrtc.so.12"))))
    source, header = ((KERNELS / name).read_bytes() for name in SOURCES)
    program = ctypes.c_void_p()
    strings = ctypes.c_char_p * 1
    must(
        nvrtc.nvrtcCreateProgram(
            ctypes.byref(program), source, b"kernels.cu", 1, strings(header), strings(b"lanes.h")
        )
    )
    options = [b"--gpu-architecture=compute_80", b"--std=c++17"]
    failed = nvrtc.nvrtcCompileProgram(
        program, len(options), (ctypes.c_char_p * len(options))(*options)
    )
    size = ctypes.c_size_t()
    nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    nvrtc.nvrtcGetProgramLog(program, log)
    print(log.value.decode(), file=sys.stderr, end="")
    must(failed)
    must(nvrtc.nvrtcGetPTXSize(program, ctypes.byref(size)))
    ptx = ctypes.create_string_buffer(size.value)
    must(nvrtc.nvrtcGetPTX(program, ptx))
    text = f"// Made by scripts/gpu-kernels.sh from sources of SHA-256 {digest.hexdigest()}.\n"
    lines = ptx.value.decode().rstrip("\0").splitlines()
    path = KERNELS / "kernels.ptx"
    path.write_text(text + "\n".join(line.rstrip() for line in lines).strip() + "\n")
    ptxas = next(tools.rglob("bin/ptxas"))
    ptxas.chmod(0o755)
    for target in ["sm_80", "sm_86", "sm_89", "sm_90a"]:
        said = subprocess.run(
            [ptxas, "-v", f"-arch={target}", path, "-o", "/dev/null"],
            check=True,
            capture_output=True,
            text=True,
        ).stderr
        print(target)
        name = "?"
        for line in said.splitlines():
            if "Compiling entry function" in line:
                name = line.split("'")[1]
            if "spill stores" in line:
                spilled = line.split(",")[1].strip()
            if "Used" in line:
                print(f"  {name:<8} {line.split(': ')[-1].split(', cmem')[0].replace('Used ', '')}, {spilled}")


def must(code: int) -> None:
    if code != 0:
        sys.exit(f"NVRTC failed with {code}.")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
